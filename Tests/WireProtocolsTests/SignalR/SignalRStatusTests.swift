import Testing

@testable import WireProtocols

@Suite("SignalR: HTTP statuses on the way to a hub")
struct SignalRStatusTests {
    @Test(
        "Every status asks for what the table says",
        arguments: [
            (200, .negotiate, .proceed), (101, .connect, .proceed), (101, .connectDirectly, .proceed),
            (101, .negotiate, .refuse), (200, .connect, .renewToken), (200, .connectDirectly, .renewToken),
            (204, .negotiate, .renewToken), (301, .negotiate, .renewToken), (302, .connect, .renewToken),
            (307, .connectDirectly, .renewToken),
            (400, .negotiate, .backOff), (400, .connect, .backOff), (400, .connectDirectly, .backOff),
            (401, .negotiate, .renewToken), (401, .connect, .renewToken), (401, .connectDirectly, .renewToken),
            (403, .negotiate, .refuse), (403, .connect, .refuse), (403, .connectDirectly, .refuse),
            (404, .negotiate, .refuse), (404, .connect, .negotiateAgain), (404, .connectDirectly, .refuse),
            (405, .negotiate, .refuse), (405, .connect, .refuse), (408, .negotiate, .backOff),
            (409, .connect, .negotiateAgain), (409, .negotiate, .backOff), (409, .connectDirectly, .backOff),
            (425, .negotiate, .backOff), (429, .negotiate, .retryAfter), (429, .connect, .retryAfter),
            (503, .negotiate, .retryAfter), (503, .connect, .retryAfter), (503, .connectDirectly, .retryAfter),
            (500, .negotiate, .backOff), (500, .connect, .backOff), (502, .negotiate, .backOff),
            (504, .connect, .backOff), (599, .connect, .backOff),
            (100, .negotiate, .refuse), (418, .negotiate, .refuse), (600, .connect, .refuse), (0, .connect, .refuse),
            (-1, .negotiate, .refuse),
        ] as [(Int, SignalRStep, SignalRReaction)])
    func reactions(status: Int, step: SignalRStep, reaction: SignalRReaction) {
        #expect(SignalRStatus.reaction(to: status, at: step) == reaction)
    }

    @Test("Each row of the table is the first that fits for some status and step")
    func rows() {
        for (index, row) in SignalRStatus.table.enumerated() {
            let isReached = row.steps.contains { step in
                row.statuses.contains { status in
                    SignalRStatus.table.firstIndex { $0.statuses.contains(status) && $0.steps.contains(step) } == index
                }
            }
            #expect(isReached, "row \(index)")
        }
    }

    @Test("A refusal says where, what and what to do; Retry-After counts where the table says so, a day at most")
    func refusals() {
        func refusal(_ status: Int, _ step: SignalRStep, after: String? = nil) -> SignalRRefusal {
            let headers = HTTPHeaders(after.map { [("Retry-After", $0)] } ?? [])
            return SignalRRefusal(
                step, HTTPRefusal(head: HTTPResponseHead(status: status, headers: headers), body: []))
        }
        #expect(
            "\(refusal(404, .connect))"
                == "the WebSocket was answered with HTTP 404 (Not Found): the id is not known: it is too old, or a "
                + "balancer chose another server (see skip_negotiation)")
        #expect(
            "\(refusal(401, .negotiate))"
                == "negotiate was answered with HTTP 401 (Unauthorized): the token is missing, expired or refused")
        #expect(
            "\(refusal(429, .negotiate, after: "7"))"
                == "negotiate was answered with HTTP 429 (Too Many Requests): there were too many requests; "
                + "it asks for 7 s of peace")
        #expect(refusal(503, .connect, after: "120").retryAfter == .seconds(120))
        #expect(refusal(503, .connect, after: "99999999").retryAfter == .seconds(86_400))
        #expect(refusal(503, .connect, after: "Fri, 31 Dec 1999 23:59:59 GMT").retryAfter == nil)
        #expect(refusal(500, .connect, after: "7").retryAfter == nil)
        #expect(refusal(409, .connect).reaction == .negotiateAgain)
    }
}
