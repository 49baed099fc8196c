import Codecs

/// Metrics in the text format of Prometheus (version 0.0.4): one block for each family, samples in the order in which they came.
struct PrometheusText {
    enum Kind: String {
        case counter, gauge
    }

    struct Label {
        let name: String
        let value: String

        init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }
    }

    private struct Family {
        let kind: Kind
        let help: String
        var samples: [(labels: [Label], value: Int64)] = []
    }

    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private var names: [String] = []
    private var families: [String: Family] = [:]

    /// Kind and help of a family are those that came first.
    mutating func add(_ name: String, _ kind: Kind, _ help: String, _ labels: [Label], _ value: Int64) {
        if families[name] == nil {
            names.append(name)
            families[name] = Family(kind: kind, help: help)
        }
        families[name]?.samples.append((labels, value))
    }

    var bytes: [UInt8] {
        var out = ByteWriter()
        for name in names {
            guard let family = families[name] else { continue }
            out.append(utf8: "# HELP \(name) \(family.help)\n# TYPE \(name) \(family.kind.rawValue)\n")
            for sample in family.samples { Self.append(name, sample.labels, sample.value, to: &out) }
        }
        return out.bytes
    }

    private static func append(_ name: String, _ labels: [Label], _ value: Int64, to out: inout ByteWriter) {
        out.append(utf8: name)
        for (index, label) in labels.enumerated() {
            out.append(index == 0 ? "{" : ",")
            out.append(utf8: "\(label.name)=\"")
            for byte in label.value.utf8 {
                switch byte {
                case UInt8(ascii: "\\"): out.append(#"\\"#)
                case UInt8(ascii: "\""): out.append(#"\""#)
                case UInt8(ascii: "\n"): out.append(#"\n"#)
                default: out.append(byte)
                }
            }
            out.append("\"")
        }
        if !labels.isEmpty { out.append("}") }
        out.append(" ")
        out.append(decimal: value)
        out.append("\n")
    }
}
