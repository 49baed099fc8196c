import Codecs

/// A call-back item.
public struct Callback: Sendable, Equatable {
    public var id: String?
    public var listID: String?
    public var type: CallbackType?
    public var typeID: Int64?
    /// Only on `callback.attempt`.
    public var state: State?
    public var channel: String?
    public var contactName: String?
    public var contactNumber: String?
    public var message: String?
    public var note: String?
    public var priority: String?
    public var assignedTo: String?
    public var targetUser: String?
    public var createdAt: Timestamp?
    public var modifiedAt: Timestamp?
    public var modifiedBy: String?
    public var dueAt: Timestamp?
    public var expiresAt: Timestamp?
    public var notBefore: Timestamp?
    public var lastAttempt: Attempt?
    public var attempts: [Attempt] = []
    public var related: [Related] = []
    public var fields: [ExtraField] = []
    public var notify: Notify?

    public enum CallbackType: String, CaseIterable, Sendable { case explicit, overflow, manual }
    public enum State: String, CaseIterable, Sendable { case initial = "init", connected, terminated }

    public struct Attempt: Sendable, Equatable {
        /// Absent on the last attempt.
        public var id: String?
        public var at: Timestamp?
        public var typeID: Int64?
        public var agentID: String?
        public var note: String?

        public init() {}
    }

    public struct Related: Sendable, Equatable {
        public var id: String
        public var closed: Bool?
        public var listID: String?
        public var statusID: Int64?

        public init(id: String) { self.id = id }
    }

    public struct Notify: Sendable, Equatable {
        public var emailTo: String?
        public var emailAttach: Bool?
        public var emailTranscript: Bool?
        public var smsTo: String?

        public init() {}
    }

    public init() {}
}
