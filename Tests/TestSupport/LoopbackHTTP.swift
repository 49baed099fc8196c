import Foundation

/// One request to a server on loopback, for orders to peers of a test: blocking, ten seconds. Knows nothing of the project's own
/// HTTP code, and so cannot share its faults.
public enum LoopbackHTTP {
    @discardableResult
    public static func request(
        _ method: String, port: Int, _ target: String, body: String = ""
    ) throws -> (status: Int, body: String) {
        let connection = try LoopbackConnection(port: port)
        try connection.send(
            "\(method) \(target) HTTP/1.0\r\nHost: 127.0.0.1:\(port)\r\nContent-Type: application/json\r\n"
                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
        let answer = try connection.receive()
        let parts = answer.components(separatedBy: "\r\n\r\n")
        let status = parts[0].split(separator: " ").dropFirst().first.flatMap { Int($0) }
        guard let status else { throw TestFailure(description: "no answer of HTTP: \(answer.prefix(200))") }
        return (status, parts.dropFirst().joined(separator: "\r\n\r\n"))
    }
}
