/// The name of an output file with parts of the time and the tenant in it: `/var/log/cti/%Y/%m-%d.jsonl`.
///
/// Everything before the first variable part is constant; its directory confines all files that the name can become,
/// because no part has a slash in it but those written here, and `..` is refused.
package struct FilePathTemplate: Sendable, Equatable {
    /// A variable part, as in strftime(3), in UTC.
    package enum Field: Character, Sendable, CaseIterable {
        case year = "Y"
        case month = "m"
        case day = "d"
        case hour = "H"
        case minute = "M"
        case second = "S"
        case dayOfYear = "j"
    }

    package enum Part: Sendable, Equatable {
        case text(String)
        case field(Field)
        case tenant
    }

    package struct Mistake: Error, Equatable {
        package let cause: String
        package let hint: String?
    }

    /// As it is written in the configuration, made absolute.
    package let spelling: String
    package let parts: [Part]
    /// Absolute, without a slash at its end.
    package let confinedDirectory: String
    /// True when the name changes with the time.
    package var isTimed: Bool { parts.contains { if case .field = $0 { true } else { false } } }

    /// `path` must be absolute.
    package init(_ path: String) throws(Mistake) {
        guard path.hasPrefix("/") else { throw Mistake(cause: "the path is not absolute", hint: "begin it with /") }
        guard !path.hasSuffix("/") else {
            throw Mistake(cause: "a file is needed, not a directory", hint: "add a file name")
        }
        guard !path.split(separator: "/").contains(where: { $0 == ".." || $0 == "." }) else {
            throw Mistake(cause: "'.' and '..' are not allowed in it", hint: "write the path straight")
        }
        spelling = path
        parts = try Self.parts(of: path)
        guard case .text(let constant) = parts.first, let slash = constant.lastIndex(of: "/") else {
            throw Mistake(cause: "the path is not absolute", hint: "begin it with /")
        }
        let directory = constant[..<slash]
        guard directory.contains(where: { $0 != "/" }) else {
            throw Mistake(
                cause: "it needs a constant directory before the first % part",
                hint: "write it like /var/log/cti/%Y-%m-%d.jsonl")
        }
        confinedDirectory = String(directory)
    }

    /// The name with the variable parts filled in.
    package func path(tenant: String, field: (Field) -> String) -> String {
        parts.map {
            switch $0 {
            case .text(let text): text
            case .field(let name): field(name)
            case .tenant: tenant
            }
        }.joined()
    }

    private static func parts(of path: String) throws(Mistake) -> [Part] {
        var parts: [Part] = []
        var text = ""
        var rest = path[...]
        func flush() {
            if !text.isEmpty { parts.append(.text(text)) }
            text = ""
        }
        while let character = rest.popFirst() {
            guard character == "%" else {
                text.append(character)
                continue
            }
            if rest.hasPrefix("{tenant}") {
                rest = rest.dropFirst("{tenant}".count)
                flush()
                parts.append(.tenant)
            } else if rest.hasPrefix("%") {
                rest = rest.dropFirst()
                text.append("%")
            } else {
                guard let field = rest.popFirst().flatMap(Field.init) else { throw unknown(path[..<rest.startIndex]) }
                flush()
                parts.append(.field(field))
            }
        }
        flush()
        return parts
    }

    /// `end` is the path up to and including the part that is not known.
    private static func unknown(_ end: Substring) -> Mistake {
        let part = end.lastIndex(of: "%").map { end[$0...] } ?? end
        let known = Field.allCases.map { "%\($0.rawValue)" }.joined(separator: " ")
        return Mistake(cause: "unknown part '\(part)'", hint: "known are \(known) %% %{tenant}")
    }
}
