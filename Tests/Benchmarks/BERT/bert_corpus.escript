#!/usr/bin/env escript
%% Writes the corpus of the BERT benchmark: invented traffic of the public shape, the same bytes each time.
%%
%%   escript bert_corpus.escript OUT
%%
%% Frames with a 4-byte length in front: a field_spec, 19,980 channel events, and 20 snapshots of 200 channels each.
-mode(compile).

-define(EVENTS, 19980).
-define(SNAPSHOTS, 20).
-define(CHANNELS, 200).

main([Out]) ->
    rand:seed(exsss, 20260115),
    Spec = {field_spec, "channel", fields()},
    Every = ?EVENTS div ?SNAPSHOTS,
    Frames = [Spec | lists:append([[snapshot() | [event() || _ <- lists:seq(1, Every)]] || _ <- lists:seq(1, ?SNAPSHOTS)])],
    Bytes = [begin B = term_to_binary(F, [{minor_version, 1}]), <<(byte_size(B)):32, B/binary>> end || F <- Frames],
    ok = file:write_file(Out, Bytes),
    Total = iolist_size(Bytes) - 4 * length(Bytes),
    io:format("~b frames, ~.2f MB, mean ~b bytes~n", [length(Bytes), Total / 1.0e6, Total div length(Bytes)]).

fields() ->
    [uuid, direction, peer_location, calling_name, calling_number, called_number, offer_timestamp, answer_timestamp,
     hangup_timestamp, other_uuid, user_id, group_id, state, target, origination, end_user, tags, last_bridged_user_id,
     last_event, last_event_data, other_info, call_id].

snapshot() -> {initial_info, "channel", [channel() || _ <- lists:seq(1, ?CHANNELS)]}.

event() -> {info_event, "channel", channel(), pick(["added", "updated", "updated", "updated", "removed"])}.

channel() ->
    Offered = 1768471200000000 + rand:uniform(36000000000),
    Answered = often(6, Offered + rand:uniform(30000000)),
    Bridged = often(5, uuid()),
    User = often(6, 10000000 + rand:uniform(90000)),
    Group = often(5, 20000000 + rand:uniform(900)),
    {uuid(), pick([inbound, outbound]), pick([internal, external]), name(), number(), number(), Offered, Answered,
     often(1, Offered + 60000000), Bridged, User, Group, state(Offered), target(), often(1, <<"api*click">>), end_user(),
     often(2, <<"monitoring_required">>), often(3, 10000000 + rand:uniform(90000)),
     pick([<<"STATE_CHANGE">>, <<"STATE_CHANGE">>, <<"CHANNEL_ANSWER">>, <<"CHANNEL_HANGUP">>]),
     often(2, <<"recv_bye,NORMAL_CLEARING">>), other_info(Offered), call_id()}.

state(At) ->
    case rand:uniform(5) of
        1 -> {At, calling, int, user, {10000000 + rand:uniform(90000), undefined}};
        2 -> {At, calling, int, group, {ring, 20000000 + rand:uniform(900), undefined, undefined, <<"group1">>}};
        3 -> {At, ivr, rand:uniform(500)};
        4 -> {At, park, 900 + rand:uniform(99), undefined, 10000000 + rand:uniform(90000), name()};
        5 -> {At, bridged}
    end.

target() -> often(7, {pick([user, group]), 10000000 + rand:uniform(90000), name(), number()}).

other_info(At) ->
    often(6, {pick([user, customer]), 10000000 + rand:uniform(90000), pick([inbound, outbound]), external, number(), At,
              20000000 + rand:uniform(900), often(3, <<"%7B%22name%22%3A%22Yamada%22%7D">>)}).

end_user() -> often(4, iolist_to_binary([integer_to_list(rand:uniform(90000)), "*%E5%B1%B1%E7%94%B0+%E5%A4%AA%E9%83%8E*Acme**Tokyo"])).

often(Tenths, Value) ->
    case rand:uniform(10) =< Tenths of true -> Value; false -> undefined end.

name() -> pick([<<"Reception">>, <<"Sales 2">>, <<"0312341234">>, unicode:characters_to_binary([16#5c71, 16#7530, 32, 16#592a, 16#90ce])]).

number() -> iolist_to_binary(["03", [$0 + rand:uniform(10) - 1 || _ <- lists:seq(1, 8)]]).

call_id() -> iolist_to_binary([hex(16), "@10.0.0.", integer_to_list(rand:uniform(250))]).

uuid() -> iolist_to_binary([hex(8), $-, hex(4), $-, hex(4), $-, hex(4), $-, hex(12)]).

hex(Count) -> [lists:nth(rand:uniform(16), "0123456789abcdef") || _ <- lists:seq(1, Count)].

pick(List) -> lists:nth(rand:uniform(length(List)), List).
