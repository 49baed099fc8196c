import NIOCore
import Transport
import WireProtocols

/// Opens a WebSocket and shows what comes; returns it where asked to.
final class WebSocketProbe: ProbeUser {
    private let configuration: WebSocketConnectionConfiguration
    private let echoes: Bool
    private let report: ProbeReport
    private let ended: EventLoopPromise<Void>
    private var connection: WebSocketConnection?

    init(
        _ configuration: WebSocketConnectionConfiguration, echoes: Bool, _ report: ProbeReport,
        _ ended: EventLoopPromise<Void>
    ) {
        (self.configuration, self.echoes, self.report, self.ended) = (configuration, echoes, report, ended)
    }

    func start(on eventLoop: any EventLoop) {
        connection = WebSocketConnection.connect(configuration, on: eventLoop, delegate: self)
    }

    func stop() {
        guard let connection else { return }
        if connection.isOpen { report.frame(">", "close", "\(WebSocketClose(code: .normal))") }
        connection.close().cascade(to: ended)
    }
}

extension WebSocketProbe: WebSocketConnectionDelegate {
    func webSocketConnectionReady(_ connection: WebSocketConnection, opening: WebSocketOpening) {
        report.stage("upgrade", "101")
        report.headers(opening.headers)
    }

    func webSocketConnection(_ connection: WebSocketConnection, received message: WebSocketMessage) {
        report.frame("<", message)
        guard echoes else { return }
        report.frame(">", message)
        connection.send(message)
    }

    func webSocketConnection(_ connection: WebSocketConnection, receivedControl frame: WebSocketControlFrame) {
        report.frame(frame)
    }

    func webSocketConnectionReadComplete(_ connection: WebSocketConnection) {}

    func webSocketConnection(_ connection: WebSocketConnection, failed error: ConnectionError) {
        switch error.reason {
        case .closed(let close) where [nil, .normal, .goingAway].contains(close.code): ended.succeed()
        case .refused(let refusal):
            report.headers(refusal.headers)
            if !refusal.body.isEmpty { report.line("  " + ProbeReport.text(ByteBuffer(bytes: refusal.body))) }
            ended.fail(error)
        default: ended.fail(error)
        }
    }
}
