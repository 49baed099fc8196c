/// One node of a configuration file: a tree without the parser that made it, so that adapters and sinks need none.
package struct ConfigurationNode: Sendable, Equatable {
    package enum Content: Sendable, Equatable {
        /// Nothing, `~` or `null`, unquoted.
        case null
        /// Something that has been reported already: it is there, but nobody can read it.
        case unusable
        /// A scalar with the spelling of the file: `0800` stays `0800`. Block scalars count as quoted.
        case scalar(String, isQuoted: Bool)
        case sequence([ConfigurationNode])
        /// Entries in the order of the file; keys are unique.
        case mapping([Entry])
    }

    package struct Entry: Sendable, Equatable {
        package let key: String
        package let keyMark: ConfigurationMark
        package let value: ConfigurationNode

        package init(key: String, keyMark: ConfigurationMark, value: ConfigurationNode) {
            (self.key, self.keyMark, self.value) = (key, keyMark, value)
        }
    }

    /// Where the node begins. For nothing at all: where a value was expected.
    package let mark: ConfigurationMark
    package let content: Content

    package init(mark: ConfigurationMark, content: Content) { (self.mark, self.content) = (mark, content) }

    /// What the node is, for "expected …, found …".
    package var kind: String {
        switch content {
        case .null, .unusable: "nothing"
        case .scalar: "a plain value"
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }
}
