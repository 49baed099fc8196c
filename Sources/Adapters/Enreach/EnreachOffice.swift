import Codecs

/// The users, queues and call lists of an invented organisation: the same for the same numbers of them.
struct EnreachOffice: Sendable {
    struct User: Sendable {
        let id: UUID128
        let name: String
        /// Of the telephone on the desk.
        let number: String
    }

    struct Queue: Sendable {
        let id: UUID128
        let name: String
        let number: String
    }

    struct CallList: Sendable {
        let id: UUID128
        let name: String
    }

    static let organization = UUID128(high: 0x6c3a_1c1e_0b1f_4b0e, low: 0x9a55_0d7a_4f1f_2a10)
    private static let firstNames = ["anna", "ben", "elsa", "juha", "kaisa", "leo", "mika", "noora", "olli", "riikka"]
    private static let services = ["Support", "Sales", "Billing", "Switchboard", "Orders", "Returns"]

    private(set) var users: [User]
    private(set) var queues: [Queue]
    let callLists: [CallList]

    init(users: Int = 8, queues: Int = 2, callLists: Int = 1) {
        self.users = (0..<max(0, users)).map(Self.user)
        self.queues = (0..<max(0, queues)).map(Self.queue)
        self.callLists = (0..<max(0, callLists)).map {
            CallList(id: Self.id(kind: 3, $0), name: "Callbacks \($0 + 1)")
        }
    }

    private static func user(_ index: Int) -> User {
        User(
            id: id(kind: 1, index), name: "\(firstNames[index % firstNames.count]).\(index + 1)",
            number: "+3589424501\(padded(index, 4))")
    }

    private static func queue(_ index: Int) -> Queue {
        let round = index / services.count
        return Queue(
            id: id(kind: 2, index), name: services[index % services.count] + (round == 0 ? "" : " \(round + 1)"),
            number: "+3589424500\(padded(index, 4))")
    }

    /// Somebody was hired.
    mutating func addUser() { users.append(Self.user(users.count)) }
    mutating func addQueue() { queues.append(Self.queue(queues.count)) }
    mutating func removeLastQueue() { queues.removeLast(queues.isEmpty ? 0 : 1) }

    private static func id(kind: UInt64, _ index: Int) -> UUID128 {
        UUID128(high: 0xa1ee_b030_ff4b_ea11 &+ kind << 48, low: 0xac9c_0015_0000_0000 | UInt64(index))
    }

    private static func padded(_ number: Int, _ digits: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
}
