import Codecs

/// What events belong to.
struct EnreachEntity: Hashable, Sendable {
    enum Kind: String, Sendable, CaseIterable {
        case user
        case queue
        case callList = "call list"

        /// What an event of this name belongs to, whatever its case: the vendor's names begin with it. nil: nobody can say.
        init?(ofEvent name: String) {
            let name = name.lowercased()
            if name.hasPrefix("user") {
                self = .user
            } else if name.hasPrefix("queue") {
                self = .queue
            } else if name.hasPrefix("callback") || name.hasPrefix("calllist") {
                self = .callList
            } else {
                return nil
            }
        }
    }

    let kind: Kind
    let id: UUID128
}
