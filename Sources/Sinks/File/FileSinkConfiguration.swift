import BridgeCore

/// The keys of a sink with `type: file`.
package struct FileSinkConfiguration: SinkTypeConfiguration, SimpleSinkFactory {
    package static let type = "file"

    package enum Sync: String, Sendable, CaseIterable {
        /// The file is synced before the cursor follows.
        case always
        /// The kernel writes when it likes; a power loss may lose lines that the cursor has passed.
        case never
    }

    /// When a new file is begun, and how many old ones stay. At least one of size and age is set where there is a rotation.
    package struct Rotation: Sendable, Equatable {
        /// The size in bytes that a file does not grow beyond, unless a single line is longer.
        package let size: Int?
        package let age: Duration?
        /// The number of files kept beside the current one; nil keeps all.
        package let keep: Int?

        package init(size: Int? = nil, age: Duration? = nil, keep: Int? = nil) {
            (self.size, self.age, self.keep) = (size, age, keep)
        }
    }

    package let path: FilePathTemplate
    package let rotation: Rotation?
    /// The permission bits of new files, whatever the umask.
    package let mode: UInt32
    package let sync: Sync

    package var exclusiveResource: String? { "'\(path.spelling)'" }

    package init(path: FilePathTemplate, rotation: Rotation? = nil, mode: UInt32 = 0o640, sync: Sync = .always) {
        (self.path, self.rotation, self.mode, self.sync) = (path, rotation, mode, sync)
    }

    package init?(_ section: ConfigurationSection) {
        let path = section.string("path", required: true)
        rotation = section.section("rotate").flatMap(Self.rotation)
        mode = Self.mode(section) ?? 0o640
        sync = section.enumeration("sync", Sync.self) ?? .always
        guard let path else { return nil }
        do {
            // A percent sign in the state directory is no variable part.
            let state = section.reading.places.state.split(separator: "%", omittingEmptySubsequences: false)
            self.path = try FilePathTemplate(path.hasPrefix("/") ? path : "\(state.joined(separator: "%%"))/\(path)")
        } catch {
            section.report("bad 'path': \(error.cause)", at: section.valueMark(of: "path"), hint: error.hint)
            return nil
        }
    }

    private static func rotation(_ section: ConfigurationSection) -> Rotation? {
        let size = section.size("size", in: 4 << 10...1 << 40)
        let age = section.duration("age", in: .seconds(1)...(.seconds(366 * 86_400)))
        let keep = section.integer("keep", in: 1...100_000)
        section.finish()
        guard section.keys.contains(where: { $0 == "size" || $0 == "age" }) else {
            section.report(
                "'rotate' needs 'size' or 'age'", at: section.mark, hint: "write rotate: { size: 64MiB, keep: 10 }")
            return nil
        }
        return Rotation(size: size, age: age, keep: keep)
    }

    /// Octal with the spelling of the file, as chmod(1) reads it.
    private static func mode(_ section: ConfigurationSection) -> UInt32? {
        guard let scalar = section.scalar("mode", expected: "an octal mode such as 0640") else { return nil }
        let digits = scalar.text.hasPrefix("0o") ? scalar.text.dropFirst(2) : scalar.text[...]
        let found = ConfigurationDiagnostic.quoted(scalar.text)
        guard (3...4).contains(digits.utf8.count), let mode = UInt32(digits, radix: 8), mode <= 0o777 else {
            section.report(
                "expected an octal mode for 'mode', found \(found)", at: scalar.mark, hint: "write it like 0640")
            return nil
        }
        guard mode & 0o200 != 0 else {
            section.report(
                "mode \(found) would not let the service write its own file", at: scalar.mark,
                hint: "write it like 0640")
            return nil
        }
        return mode
    }
}
