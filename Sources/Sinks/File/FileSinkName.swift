import Codecs

/// The name of the file at a moment, in steps: a constant directory, and what is below it.
///
/// The constant directory is the operator's own; what lies below it is made by `FileSinkDirectory` and cannot lead out.
package struct FileSinkName: Sendable {
    /// Absolute.
    let directory: String
    private let template: FilePathTemplate
    private let tenant: String
    /// Seconds after which another name can be due; nil for a name without fields of time.
    let period: Int64?

    /// Throws for a tenant that is no plain name, and for a name that consists of dots.
    package init(_ template: FilePathTemplate, tenant: String) throws {
        guard !tenant.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == 0 }) else {
            throw FileSinkError("the name of the tenant cannot be part of a path")
        }
        (self.template, self.tenant, directory) = (template, tenant, template.confinedDirectory)
        period = template.parts.compactMap { if case .field(let field) = $0 { Self.seconds(of: field) } else { nil } }
            .min()
        let parts = parts(at: Timestamp(microseconds: 0))
        guard !parts.isEmpty, !parts.contains(where: { $0 == "." || $0 == ".." }), !parts.joined().utf8.contains(0)
        else {
            throw FileSinkError("the path below \(directory) does not name a file")
        }
    }

    /// The directories below `directory` and, last, the file.
    func parts(at time: Timestamp) -> [String] {
        let text = Array(time.description)
        let path = template.path(tenant: tenant) { Self.value(of: $0, text) }
        return path.split(separator: "/").dropFirst(directory.split(separator: "/").count).map(String.init)
    }

    /// How long a name with this field stays the same, at least.
    private static func seconds(of field: FilePathTemplate.Field) -> Int64 {
        switch field {
        case .year: 365 * 86_400
        case .month: 28 * 86_400
        case .day, .dayOfYear: 86_400
        case .hour: 3600
        case .minute: 60
        case .second: 1
        }
    }

    /// `time` is written like `2026-01-15T10:00:17.250000Z`.
    private static func value(of field: FilePathTemplate.Field, _ time: [Character]) -> String {
        switch field {
        case .year: String(time[0..<4])
        case .month: String(time[5..<7])
        case .day: String(time[8..<10])
        case .hour: String(time[11..<13])
        case .minute: String(time[14..<16])
        case .second: String(time[17..<19])
        case .dayOfYear: dayOfYear(time)
        }
    }

    /// 001 to 366.
    private static func dayOfYear(_ time: [Character]) -> String {
        let start = String(time[0..<4]) + "-01-01T00:00:00Z"
        guard let first = Timestamp(start), let now = Timestamp(String(time)) else { return "000" }
        let text = String(now.milliseconds(since: first) / 86_400_000 + 1)
        return String(repeating: "0", count: 3 - text.count) + text
    }
}
