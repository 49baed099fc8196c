import WireProtocols

/// One message of the server. Holds views: valid until the reader reads the next one.
enum BasixMessage {
    /// The layout of an element's records from now on.
    case fieldSpec(BasixLayout)
    /// The state of all there is of an element. In the order of the wire.
    case initialInfo(BasixElement, [BasixItem])
    /// Something was added, updated or removed.
    case infoEvent(BasixElement, event: BERTTerm, BasixItem)
    /// About the connection itself.
    case systemMessage(BERTTerm)
    /// From a user or an administrator.
    case userMessage(BERTTerm)
    /// A message name that nobody documented.
    case unknown(name: String)
}

/// A record together with the layout that it has.
struct BasixItem {
    let record: BERTTerm
    let layout: BasixLayout
}

/// Why a message was not understood: what was expected, and what came.
enum BasixRejection: Error, CustomStringConvertible {
    case notBERT(BERTError)
    case notMessage
    /// A message of this name needs more parts.
    case tooShort(name: String, parts: Int)
    case elementIsNoText
    case eventIsNoText
    case fieldsAreNoTexts(element: String)
    case tooManyFields(element: String, count: Int)
    case tooManyElements
    case nameTooLong(bytes: Int)
    case itemsAreNoList(element: String)
    case itemIsNoRecord
    case noLayout(element: String)

    var description: String {
        switch self {
        case .notBERT(let error): "\(error)"
        case .notMessage: "not a message: expected a tuple that begins with a name"
        case .tooShort(let name, let parts): "\(name) of only \(parts) parts"
        case .elementIsNoText: "the name of the element is no text"
        case .eventIsNoText: "the name of the event is no text"
        case .fieldsAreNoTexts(let element): "field_spec for \(element) whose fields are not a list of texts"
        case .tooManyFields(let element, let count):
            "field_spec for \(element) with \(count) fields; \(BasixMessageReader.maximumFields) are the most"
        case .tooManyElements: "more than \(BasixMessageReader.maximumElements) elements"
        case .nameTooLong(let bytes):
            "a name of \(bytes) bytes; \(BasixMessageReader.maximumNameBytes) are the most"
        case .itemsAreNoList(let element): "initial_info for \(element) whose items are not a list"
        case .itemIsNoRecord: "item is not a record"
        case .noLayout(let element): "no field_spec for \(element)"
        }
    }
}
