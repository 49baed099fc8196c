import BridgeCore
import Codecs
import NIOCore
import Transport

extension EnreachSimulator {
    package struct Settings: Sendable {
        package var host = "127.0.0.1"
        /// 0: any free one.
        package var port = 0
        package var user = "api@acme.example"
        package var secretKey: [UInt8] = Array("simulated-key".utf8)
        package var password: [UInt8] = Array("simulated-password".utf8)
        package var users = 8
        package var queues = 2
        package var callLists = 1
        /// A token is good for this long.
        package var tokenLife = Duration.seconds(3600)
        /// What a hub does at its defaults.
        package var keepAlive = TimeAmount.seconds(15)
        package var clientTimeout = TimeAmount.seconds(30)
        /// 0: as servers before ASP.NET Core 3.1.
        package var negotiateVersion = 1
        package var frames = Frames.text
        /// Every connection is cut, without a close frame, each time so much has passed.
        package var dropInterval: Duration?
        /// Certificate chain and key for wss.
        package var tls: TLSServerConfiguration?

        package init() {}
    }

    /// What the hub's records come in.
    package enum Frames: String, Sendable, CaseIterable {
        case text
        case binary
        /// Now the one, now the other.
        case both
    }

    /// What there is to say.
    package enum Play: Sendable {
        /// Invented calls.
        case traffic(callsPerSecond: Double, speed: Double, seed: UInt64)
        /// A recorded scenario, from the first connection on, to every connection whatever it subscribed to.
        case script(JSONValue, speed: Double)
    }

    /// What the simulator does wrong when it is asked to.
    package enum Fault: Sendable, Equatable {
        /// Every connection is cut, without a word.
        case drop
        /// Sockets stay open, and nothing is said or heard any more; `speak` ends it.
        case mute
        case speak
        /// A Close record.
        case close(error: String?, allowReconnect: Bool)
        /// No token given so far is good any more.
        case expireTokens
        /// The next so many requests for a connection are refused, whatever their token.
        case unauthorized(count: Int)
        /// The next so many requests for a connection are answered so.
        case status(Int, retryAfter: Int?, count: Int)
        /// The next so many negotiations lead to another place first: with a token of its own, to this hub.
        case redirect(count: Int)
        /// Negotiations answer with this body.
        case negotiateAnswer(String?)
        /// Handshakes answer with this record; nil: as they should.
        case handshakeAnswer(String?)
        /// Pairs of these events, in lower case, are refused with this word.
        case refuse(events: Set<String>, message: String)
        /// The next so many calls of the method, in lower case, fail.
        case fail(method: String, error: String, count: Int)
        /// Calls of the method, in lower case, get no answer.
        case silent(method: String?)
        /// A call of the client that wants a result.
        case invokeClient(target: String)
    }

    /// What happened so far.
    package struct Figures: Sendable {
        package var discoveries = 0
        package var logins = 0
        package var tokens = 0
        package var negotiations = 0
        package var unauthorized = 0
        package var accepted = 0
        package var subscribeCalls = 0
        package var unsubscribeCalls = 0
        package var subscribedPairs = 0
        package var sent = 0
        /// The longest message that a client sent.
        package var longestMessage = 0
        package var completions = 0
        /// Pings of clients, and requests with a token in their query.
        package var pings = 0
        package var tokensInQueries = 0
        /// Connections at present, and the pairs that they hold together.
        package var connections = 0
        package var heldPairs = 0
    }
}
