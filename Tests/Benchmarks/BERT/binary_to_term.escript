#!/usr/bin/env escript
%% A yardstick of the BERT benchmark: Erlang itself.
%%
%%   escript binary_to_term.escript FRAMES PASSES
%%
%% Prints messages per second over all passes; a first pass is not counted.
-mode(compile).

main([Path, Passes]) ->
    {ok, Bytes} = file:read_file(Path),
    Frames = frames(Bytes, []),
    %% A process of its own with a large heap, as a busy connection would have: collections cost the least.
    Self = self(),
    spawn_opt(fun() -> Self ! measure(Frames, list_to_integer(Passes)) end, [{min_heap_size, 4000000}]),
    receive Rate -> io:format("~b~n", [round(Rate)]) end.

frames(<<Size:32, Frame:Size/binary, Rest/binary>>, Frames) -> frames(Rest, [Frame | Frames]);
frames(<<>>, Frames) -> lists:reverse(Frames).

measure(Frames, Passes) ->
    pass(Frames),
    Began = erlang:monotonic_time(),
    [pass(Frames) || _ <- lists:seq(1, Passes)],
    Spent = erlang:monotonic_time() - Began,
    Passes * length(Frames) / (Spent / erlang:convert_time_unit(1, second, native)).

pass([Frame | Rest]) ->
    case binary_to_term(Frame) of
        Message when is_tuple(Message) -> pass(Rest)
    end;
pass([]) -> ok.
