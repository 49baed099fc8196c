/// Names of events as people and hubs spell them: the case of their letters differs.
extension EnreachEvent {
    /// Names of which only public clients of the vendor and its other interfaces speak. What they hold is not published: their
    /// messages become `source.unmapped`, but for those in `aliases`.
    static let undocumentedNames = [
        "UserSetting", "UserContactCard", "UserCallInConnected", "CallbackCreated", "CallbackUpdated", "CallbackClosed",
        "UserAction", "UserWrapUpEnabled", "UserWrapUpStarted", "UserWrapUpTerminated", "UserWrapUpRequestTerminate",
    ]

    /// Undocumented names that cannot mean anything else.
    static let aliases: [String: EnreachEvent] = [
        "UserCallInConnected": .userCallInUserConnected, "CallbackCreated": .callbackChanged,
        "CallbackUpdated": .callbackChanged, "CallbackClosed": .callbackChanged,
    ]

    /// Every name that a subscription may list, in the vendor's spelling.
    static let knownNames = allCases.map(\.rawValue) + undocumentedNames

    private static let byLowerCase = Dictionary(uniqueKeysWithValues: knownNames.map { ($0.lowercased(), $0) })

    /// The vendor's spelling of a name in any case; nil for names that nobody knows.
    static func knownName(_ name: String) -> String? { byLowerCase[name.lowercased()] }
}
