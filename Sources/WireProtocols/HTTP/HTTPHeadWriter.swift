import NIOCore

/// Heads to bytes. Refuses what a peer would read differently from what was meant: line ends in values above all.
public enum HTTPHeadWriter {
    public static func write(_ head: HTTPRequestHead, into buffer: inout ByteBuffer) throws(HTTPUsageError) {
        guard HTTPSyntax.isToken(Array(head.method.utf8)) else { throw .badMethod }
        guard HTTPSyntax.isTarget(Array(head.target.utf8)) else { throw .badTarget }
        try check(head.headers)
        buffer.writeString("\(head.method) \(head.target) HTTP/1.\(head.minorVersion)\r\n")
        write(head.headers, into: &buffer)
    }

    public static func write(_ head: HTTPResponseHead, into buffer: inout ByteBuffer) throws(HTTPUsageError) {
        guard HTTPSyntax.isFieldValue(Array(head.reason.utf8)) else { throw .badFieldValue(name: "reason") }
        try check(head.headers)
        buffer.writeString("HTTP/1.\(head.minorVersion) \(head.status) \(head.reason)\r\n")
        write(head.headers, into: &buffer)
    }

    /// Throws where `headers` could not be written.
    public static func check(_ headers: HTTPHeaders) throws(HTTPUsageError) {
        for field in headers.fields {
            guard HTTPSyntax.isToken(Array(field.name.utf8)) else { throw .badFieldName }
            guard HTTPSyntax.isFieldValue(Array(field.value.utf8)) else { throw .badFieldValue(name: field.name) }
        }
    }

    private static func write(_ headers: HTTPHeaders, into buffer: inout ByteBuffer) {
        for field in headers.fields { buffer.writeString("\(field.name): \(field.value)\r\n") }
        buffer.writeString("\r\n")
    }
}
