import NIOCore
import Transport
import WireProtocols

/// Asks for a URL once and shows the answer, whatever its status.
final class HTTPProbe: ProbeUser {
    private let request: HTTPClientRequest
    private let configuration: HTTPClientConfiguration
    private let report: ProbeReport
    private let ended: EventLoopPromise<Void>
    private var client: HTTPClient?

    init(
        _ request: HTTPClientRequest, _ configuration: HTTPClientConfiguration, _ report: ProbeReport,
        _ ended: EventLoopPromise<Void>
    ) {
        (self.request, self.configuration, self.report, self.ended) = (request, configuration, report, ended)
    }

    func start(on eventLoop: any EventLoop) {
        let client = HTTPClient(configuration, on: eventLoop)
        self.client = client
        let (report, ended) = (report, ended)
        client.send(request).assumeIsolated().whenComplete { result in
            switch result {
            case .success(let response):
                report.stage("request", "\(response.status) \(response.head.reason)")
                report.headers(response.head.headers)
                let body = response.body
                report.line("  body: \(body.readableBytes) bytes")
                if body.readableBytes > 0 { report.line("  " + ProbeReport.text(body)) }
                ended.succeed()
            case .failure(let error): ended.fail(error)
            }
            client.close()
        }
    }

    func stop() { client?.close() }
}
