import NIOCore
import TestSupport
import Testing

@testable import WireProtocols

@Suite("SignalR: a server's session")
struct HubServerSessionTests {
    @Test(
        "A client that speaks JSON in version 1 is accepted, any other is told why not",
        arguments: [
            (#"{"protocol":"json","version":1}"#, nil), (#"{ "VERSION":1,"Protocol":"json","x":1}"#, nil),
            (#"{"protocol":"json","version":2}"#, "The server does not support version 2 of the 'json' protocol."),
            (#"{"protocol":"json"}"#, "The server does not support version  of the 'json' protocol."),
            (#"{"protocol":"messagepack","version":1}"#, "The protocol 'messagepack' is not supported."),
            (#"{"type":6}"#, "Handshake was canceled."), ("{}", "Handshake was canceled."),
        ] as [(String, String?)])
    func handshake(request: String, objection: String?) {
        let peer = HubServerPeer()
        peer.receive(request)
        #expect(peer.sent == [objection.map { "{\"error\":\"\($0)\"}" } ?? "{}"])
        #expect(peer.seen == [objection.map { "ended: the hub refused the handshake: '\($0)'" } ?? "opened"])
        #expect(peer.isOpen == (objection == nil) && peer.isEnded == (objection != nil))
    }

    @Test("A first record that is none, or no record in time, ends the session with an answer that says so")
    func handshakeFailures() {
        let garbage = HubServerPeer()
        garbage.receive("<>")
        #expect(garbage.isEnded && garbage.sent.count == 1 && garbage.sent[0].hasPrefix(#"{"error":"the first record"#))
        let late = HubServerPeer()
        #expect(late.deadline == .seconds(15))
        late.advance(to: .seconds(15))
        #expect(late.sent == [#"{"error":"Handshake was canceled."}"#])
        #expect(late.seen == ["ended: no handshake within 15 s: look whether the server is well"])
    }

    @Test("The client's calls, completions and Close come out; its pings and what means nothing here do not")
    func incoming() throws {
        let peer = HubServerPeer.open()
        peer.receive(
            #"{"type":6}"#, #"{"type":1,"invocationId":"1","target":"Subscribe","arguments":[[]]}"#,
            #"{"type":3,"invocationId":"s1","result":7}"#, #"{"type":8,"sequenceId":1}"#, #"{"type":42}"#, "x",
            #"{"type":4,"invocationId":"2","target":"Stream","arguments":[]}"#, #"{"type":7,"error":"bye"}"#)
        #expect(
            peer.seen == [
                "Subscribe #1 [[]]", "completion #s1 7", "unreadable 1: a record is no JSON: unexpected byte at byte 0",
                "ended: the hub closed the connection with 'bye' and does not ask us back: look into its log",
            ])
        #expect(
            peer.sent == [
                #"{"type":3,"invocationId":"2","error":"The server has no method 'Stream' that gives what is asked for."}"#
            ])
        #expect(peer.counts == HubCounts(received: 8, ignored: 3, unreadable: 1, unmatched: 0))
    }

    @Test("What it says, in the frames that are asked for", arguments: [HubFrames.text, .binary])
    func outgoing(frames: HubFrames) throws {
        let peer = HubServerPeer(frames: frames)
        #expect(throws: HubUsageError.notOpen) { try peer.invoke("m", "[]") }
        #expect(throws: HubUsageError.notOpen) { try peer.complete("1", .void) }
        peer.receive(#"{"protocol":"json","version":1}"#)
        try peer.invoke("MessageReceived", "[{}]")
        try peer.invoke("Ask", "[]", id: "s\"1")
        try peer.complete("1", .value(Array("true".utf8)))
        try peer.complete("2", .void)
        try peer.complete("3", .error("no"))
        #expect(throws: HubUsageError.notJSON) { try peer.complete("4", .value([])) }
        #expect(throws: HubUsageError.notJSON) { try peer.complete("4", .value([0x1E])) }
        peer.close(HubClose(error: "e", allowsReconnect: true))
        #expect(
            peer.sent == [
                "{}", #"{"type":1,"target":"MessageReceived","arguments":[{}]}"#,
                #"{"type":1,"invocationId":"s\"1","target":"Ask","arguments":[]}"#,
                #"{"type":3,"invocationId":"1","result":true}"#, #"{"type":3,"invocationId":"2"}"#,
                #"{"type":3,"invocationId":"3","error":"no"}"#, #"{"type":7,"error":"e","allowReconnect":true}"#,
            ])
        for message in peer.messages {
            switch message {
            case .text: #expect(frames == .text)
            case .binary: #expect(frames == .binary)
            }
        }
        #expect(peer.seen.last == "ended: the connection was closed here")
    }

    @Test(
        "Pings leave by schedule whatever else is sent; silence counts once the client has spoken, and ends with a Close"
    )
    func clocks() throws {
        let peer = HubServerPeer.open()
        for time in [10, 15, 20, 30, 45, 60] as [Int64] {
            peer.advance(to: .seconds(time))
            if time == 20 { try peer.invoke("m", "[]") }
        }
        #expect(peer.isOpen)
        let ping = #"{"type":6}"#
        #expect(peer.sent == [ping, #"{"type":1,"target":"m","arguments":[]}"#, ping, ping, ping])
        peer.receive(ping)
        peer.sent = []
        peer.advance(to: .seconds(89))
        #expect(peer.isOpen && peer.deadline == .seconds(90))
        peer.advance(to: .seconds(90))
        #expect(peer.sent == [ping, #"{"type":7,"error":"Connection closed with an error.","allowReconnect":true}"#])
        #expect(peer.seen == ["ended: nothing came for 30 s: the line is dead, or the server hangs"])
    }

    @Test("A record above 32 KiB ends the session, as with ASP.NET Core")
    func recordLimit() {
        let peer = HubServerPeer.open()
        peer.receive(Array(repeating: 0x61, count: 32 << 10))
        #expect(peer.isOpen)
        peer.receive([0x61])
        #expect(peer.isEnded && peer.sent.last?.hasPrefix(#"{"type":7,"error""#) == true)
    }

    @Test("The end of the socket is told once, in any state")
    func cut() {
        for peer in [HubServerPeer(), .open()] {
            peer.cut()
            peer.cut()
            #expect(peer.seen == ["ended: the connection ended without a word of the hub"])
            #expect(peer.deadline == nil && peer.sent == [])
            peer.receive("{}")
            peer.advance(to: .hours(1))
            peer.close()
            #expect(peer.seen.count == 1 && peer.sent == [])
        }
    }

    @Test("Client and server together: an hour with little to say, 10 minutes of busy traffic, and a server that dies")
    func together() throws {
        let server = HubServerPeer()
        let client = HubPeer()
        server.reaction = { server, event in
            guard case .invocation(let invocation) = event, let id = invocation.id else { return }
            try? server.complete(id, .value(Array(jsonText(invocation.arguments).utf8)))
        }
        client.reaction = { client, event in if case .opened = event { _ = try? client.invoke("Echo", "[[1]]") } }
        func exchange() {
            while !client.sent.isEmpty || !server.sent.isEmpty {
                let (fromClient, fromServer) = (client.sent, server.sent)
                (client.sent, server.sent) = ([], [])
                for record in fromClient { server.receive(record) }
                for record in fromServer { client.receive(record) }
            }
        }
        var second: Int64 = 0
        func run(until end: Int64, busy: Bool, serverLives: Bool = true) throws {
            while second < end {
                second += 1
                client.advance(to: .seconds(second))
                if serverLives { server.advance(to: .seconds(second)) } else { client.sent = [] }
                if busy { try server.invoke("MessageReceived", "[\(second)]") }
                exchange()
            }
        }
        exchange()
        try run(until: 3600, busy: false)
        try run(until: 4200, busy: true)
        #expect(client.isOpen && server.isOpen)
        #expect(client.seen.prefix(2) == ["opened", "result 1 [[1]]"] && client.seen.count == 602)
        try run(until: 4231, busy: false, serverLives: false)
        #expect(client.seen.last == "ended: nothing came for 30 s: the line is dead, or the server hangs")
        #expect(client.lastReceived == .seconds(4200))
    }
}
