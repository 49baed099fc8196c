import Codecs

/// What was last heard of users, groups, members, terminals and domains: enough to tell what changed, what is gone, and who
/// is called what. Bounded; what does not fit is told and not remembered.
struct BasixDirectory {
    struct User: Equatable {
        var name: String?
        var `extension`: String?
    }

    struct Entry {
        /// Of what `directory.changed` tells.
        var hash = 0
        var presence = ""
        /// `mwi`; "?" where only that there was something is known, from before a restart.
        var mailbox = ""
    }

    struct Member: Equatable {
        var group: String
        var user: String
        var priority: Int64?
        var loginStatus: String?
        var role: String?
    }

    private static let mailboxMark = "mailbox"

    private let limit: Int
    private(set) var entries: [BasixElement: [String: Entry]] = [:]
    private(set) var members: [String: Member] = [:]
    private var users: [String: User] = [:]
    private var groupNames: [String: String] = [:]
    private var count = 0
    /// Ids came or went since `takeNote`.
    private var isNoteDue = false

    /// `note` is what `takeNote` gave in the run before.
    init(note: [UInt8] = [], limit: Int) {
        self.limit = limit
        for line in note.split(separator: UInt8(ascii: "\n")) {
            let words = line.split(separator: UInt8(ascii: " "))
                .map { BasixText.percentDecoded($0, plusIsBlank: false) }
            if words.count == 4, words[0] == BasixElement.groupMember.name {
                set(Member(group: words[2], user: words[3]), id: words[1])
            } else if words.count >= 2 {
                var entry = Entry()
                if words.count == 3, words[2] == Self.mailboxMark { entry.mailbox = "?" }
                set(entry, of: BasixElement(name: words[0]), id: words[1])
            }
        }
        isNoteDue = false
    }

    func user(_ id: String) -> User? { users[id] }
    func groupName(_ id: String) -> String? { groupNames[id] }

    subscript(element: BasixElement, id: String) -> Entry? { entries[element]?[id] }

    mutating func name(user id: String, _ user: User) { if users.count < limit { users[id] = user } }
    mutating func name(group id: String, _ name: String?) { if groupNames.count < limit { groupNames[id] = name } }

    mutating func set(_ entry: Entry, of element: BasixElement, id: String) {
        let before = entries[element]?[id]
        if before == nil {
            guard count < limit else { return }
            (count, isNoteDue) = (count + 1, true)
        } else if before?.mailbox.isEmpty != entry.mailbox.isEmpty {
            isNoteDue = true
        }
        entries[element, default: [:]][id] = entry
    }

    mutating func remove(_ element: BasixElement, id: String) {
        guard entries[element]?.removeValue(forKey: id) != nil else { return }
        (count, isNoteDue) = (count - 1, true)
        if element == .user { users[id] = nil }
        if element == .group { groupNames[id] = nil }
    }

    mutating func set(_ member: Member, id: String) {
        let before = members[id]
        guard before != nil || count < limit else { return }
        if before == nil { count += 1 }
        if before?.group != member.group || before?.user != member.user { isNoteDue = true }
        members[id] = member
    }

    mutating func removeMember(id: String) {
        guard members.removeValue(forKey: id) != nil else { return }
        (count, isNoteDue) = (count - 1, true)
    }

    /// Which ids are known, so that a restart can tell which of them are gone; nil where that has not changed. One line
    /// for each: element, id, and whether its mailbox holds something; of a member its group and user.
    mutating func takeNote() -> [UInt8]? {
        guard isNoteDue else { return nil }
        isNoteDue = false
        var lines: [String] = []
        for (element, known) in entries {
            lines += known.map { id, entry in
                Self.line([element.name, id] + (entry.mailbox.isEmpty ? [] : [Self.mailboxMark]))
            }
        }
        lines += members.map { Self.line([BasixElement.groupMember.name, $0.key, $0.value.group, $0.value.user]) }
        return Array(lines.sorted().joined().utf8)
    }

    private static func line(_ words: [String]) -> String {
        words.map { BasixText.percentEncoded($0, blankIsPlus: false) }.joined(separator: " ") + "\n"
    }
}
