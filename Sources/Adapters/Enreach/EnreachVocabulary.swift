import CallModel

// Words and numbers of Enreach that its events and its REST answers share, in the model's words.

extension Presence.State {
    private static let availabilities: [String: Self] = [
        "available": .available, "busy": .busy, "donotdisturb": .dnd, "offwork": .off,
    ]

    /// `Availability`, in any case; nil for a word that is none.
    init?(rte word: String) {
        guard let state = Self.availabilities[word.lowercased()] else { return nil }
        self = state
    }
}

extension Stats {
    private static let openStates: [Open] = [.unknown, .noHandler, .noHandler, .closed, .closed, .open, .open]
    private static let openNames = [
        "na", "noactivehandler", "noactivehandleruncertain", "closed", "closeduncertain", "open", "openuncertain",
    ]

    /// `OpenStatus`, by its number or its name: 0 means that nothing is known, of the others the even ones are uncertain. False, and
    /// nothing known, for any other.
    mutating func setOpen(rte word: String) -> Bool {
        let number = Int(word) ?? Self.openNames.firstIndex(of: word.lowercased())
        guard let number, Self.openStates.indices.contains(number) else {
            (open, openCertain) = (.unknown, false)
            return false
        }
        (open, openCertain) = (Self.openStates[number], !number.isMultiple(of: 2))
        return true
    }
}
