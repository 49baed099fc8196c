#!/usr/bin/env escript
%% A real Erlang as the judge of the decoder.
%%
%%   escript erlang_terms.escript random SEED COUNT OUT   random terms: hex of their bytes, a blank, their notation
%%   escript erlang_terms.escript judge FRAMES OUT        for each frame ({packet, 4}): "badarg", or the bytes that were
%%                                                        left over, a blank, and the notation
%%! +t 8000000
-mode(compile).

main(["random", Seed, Count, Out]) ->
    rand:seed(exsss, list_to_integer(Seed)),
    {ok, File} = file:open(Out, [write, raw, delayed_write]),
    [ok = file:write(File, line(random(5))) || _ <- lists:seq(1, list_to_integer(Count))],
    ok = file:close(File);
main(["judge", Frames, Out]) ->
    {ok, Bytes} = file:read_file(Frames),
    {ok, File} = file:open(Out, [write, raw, delayed_write]),
    judge(Bytes, File),
    ok = file:close(File).

line(Term) ->
    Version = {minor_version, rand:uniform(3) - 1},
    Options = case rand:uniform(10) of 1 -> [Version, compressed]; _ -> [Version] end,
    [hex(term_to_binary(Term, Options)), " ", notation(Term), "\n"].

judge(<<Size:32, Frame:Size/binary, Rest/binary>>, File) ->
    Verdict =
        try binary_to_term(Frame, [used]) of
            {Term, Used} -> [integer_to_list(Size - Used), " ", notation(Term)]
        catch error:badarg -> "badarg"
        end,
    ok = file:write(File, [Verdict, "\n"]),
    judge(Rest, File);
judge(<<>>, _) -> ok.

%% --- The notation of the corpus' README ---

notation(T) when is_integer(T) -> ["{\"int\":\"", integer_to_list(T), "\"}"];
notation(T) when is_float(T) -> ["{\"float\":\"", hex(<<T/float>>), "\"}"];
notation(T) when is_atom(T) -> ["{\"atom\":\"", escape(atom_to_list(T)), "\"}"];
notation(T) when is_binary(T) -> bytes("bin", T);
notation(T) when is_bitstring(T) ->
    Bits = bit_size(T),
    Pad = 8 - Bits rem 8,
    ["{\"bits\":\"", hex(<<T/bitstring, 0:Pad>>), "\",\"nbits\":", integer_to_list(Bits), "}"];
notation(T) when is_tuple(T) -> ["{\"tuple\":", all(tuple_to_list(T)), "}"];
notation(T) when is_map(T) ->
    Pairs = [["[", notation(K), ",", notation(V), "]"] || {K, V} <- maps:to_list(T)],
    ["{\"map\":[", lists:join(",", Pairs), "]}"];
notation(T) when is_pid(T) -> "{\"opaque\":\"pid\"}";
notation(T) when is_port(T) -> "{\"opaque\":\"port\"}";
notation(T) when is_reference(T) -> "{\"opaque\":\"ref\"}";
notation(T) when is_function(T) -> "{\"opaque\":\"fun\"}";
notation([]) -> "{\"list\":[]}";
notation(T) ->
    case split(T, []) of
        {Elements, []} ->
            case lists:all(fun(E) -> is_integer(E) andalso E >= 0 andalso E < 256 end, Elements) of
                true -> bytes("charlist", list_to_binary(Elements));
                false -> ["{\"list\":", all(Elements), "}"]
            end;
        {Elements, Tail} -> ["{\"list\":", all(Elements), ",\"tail\":", notation(Tail), "}"]
    end.

all(Terms) -> ["[", lists:join(",", [notation(T) || T <- Terms]), "]"].

split([Head | Tail], Done) -> split(Tail, [Head | Done]);
split(Tail, Done) -> {lists:reverse(Done), Tail}.

bytes(Name, Bytes) when byte_size(Bytes) > 4096 ->
    ["{\"", Name, "_md5\":\"", hex(erlang:md5(Bytes)), "\",\"size\":", integer_to_list(byte_size(Bytes)), "}"];
bytes(Name, Bytes) -> ["{\"", Name, "\":\"", hex(Bytes), "\"}"].

hex(Bytes) -> [[digit(B bsr 4), digit(B band 15)] || <<B>> <= Bytes].

digit(D) when D < 10 -> $0 + D;
digit(D) -> $a + D - 10.

escape(Text) -> [escape_one(C) || C <- Text].

escape_one($") -> "\\\"";
escape_one($\\) -> "\\\\";
escape_one(C) when C < 32 -> io_lib:format("\\u~4.16.0b", [C]);
escape_one(C) -> unicode:characters_to_binary([C]).

%% --- Random terms ---

random(0) -> leaf(rand:uniform(11));
random(Depth) ->
    case rand:uniform(9) of
        1 -> list_to_tuple(terms(Depth));
        2 -> list_to_tuple(terms(Depth));
        3 -> terms(Depth);
        4 -> terms(Depth) ++ random(Depth - 1);
        5 -> maps:from_list([{random(Depth - 1), random(Depth - 1)} || _ <- lists:seq(1, rand:uniform(6))]);
        6 -> case rand:uniform(20) of
                 1 -> maps:from_list([{random(1), random(0)} || _ <- lists:seq(1, 30 + rand:uniform(40))]);
                 2 -> list_to_tuple([leaf(1) || _ <- lists:seq(1, 250 + rand:uniform(20))]);
                 _ -> bert(rand:uniform(4), Depth)
             end;
        _ -> random(0)
    end.

terms(Depth) -> [random(Depth - 1) || _ <- lists:seq(1, rand:uniform(6) - 1)].

bert(1, _) -> {bert, nil};
bert(2, _) -> {bert, true};
bert(3, _) -> {bert, time, 1254, 976067, rand:uniform(1000000) - 1};
bert(4, Depth) -> {bert, dict, [{random(0), random(Depth - 1)} || _ <- lists:seq(1, rand:uniform(3))]}.

leaf(1) -> rand:uniform(512) - 256;
leaf(2) -> edge(lists:nth(rand:uniform(7), [7, 8, 31, 32, 59, 63, 64])) + rand:uniform(3) - 2;
leaf(3) -> edge(rand:uniform(640));
leaf(4) -> case rand:uniform(3) of
               1 -> (rand:uniform() - 0.5) * math:pow(10, rand:uniform(600) - 300);
               2 -> float(rand:uniform(1000));
               3 -> lists:nth(rand:uniform(5), [0.0, -0.0, 5.0e-324, 1.7976931348623157e308, 0.1])
           end;
leaf(5) -> lists:nth(rand:uniform(8), [undefined, true, false, '', 'hello world', 'caf\x{e9}', '\x{30e6}\x{30fc}', ok]);
leaf(6) -> list_to_atom([rand:uniform(1000) || _ <- lists:seq(1, rand:uniform(2))]);
leaf(7) -> random_bytes(rand:uniform(40) - 1);
leaf(8) -> case rand:uniform(1500) of
               Few when Few < 10 -> binary_to_list(random_bytes(4090 + rand:uniform(10)));
               Few when Few < 12 -> lists:duplicate(65530 + rand:uniform(10), rand:uniform(255));
               _ -> binary_to_list(random_bytes(rand:uniform(40) - 1))
           end;
leaf(9) -> [rand:uniform(2000) || _ <- lists:seq(1, rand:uniform(10))];
leaf(10) -> Bits = rand:uniform(30), <<Whole:Bits/bitstring, _/bitstring>> = random_bytes(4), Whole;
leaf(11) -> opaque(rand:uniform(6)).

edge(Bits) ->
    Number = 1 bsl Bits,
    case rand:uniform(2) of 1 -> Number; 2 -> -Number end.

random_bytes(Count) -> << <<(rand:uniform(256) - 1)>> || _ <- lists:seq(1, Count) >>.

opaque(1) -> self();
opaque(2) -> make_ref();
opaque(3) -> hd(erlang:ports());
opaque(4) -> fun lists:map/2;
opaque(5) -> Bound = {self(), rand:uniform(9)}, fun() -> Bound end;
opaque(6) -> fun(X) -> X end.
