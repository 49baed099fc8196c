import WireProtocols

/// Frames of one connection to messages: decodes, and remembers the layouts that were sent. Confined to one thread.
final class BasixMessageReader {
    /// Bounds of what a server can make us remember: 64 layouts of 1,024 names of 256 bytes.
    static let maximumElements = 64
    static let maximumFields = 1024
    static let maximumNameBytes = 256

    private let decoder: BERTDecoder
    private var layouts: [BasixElement: BasixLayout] = [:]

    init(limits: BERTLimits = BERTLimits()) { decoder = BERTDecoder(limits: limits) }

    /// A new connection: its server sends all layouts anew.
    func reset() { layouts = [:] }

    /// One frame. What is returned is valid while `frame` is, and until the next call.
    func read(_ frame: UnsafeRawBufferPointer) throws(BasixRejection) -> BasixMessage {
        let term: BERTTerm
        do {
            term = try decoder.decode(frame)
        } catch {
            throw .notBERT(error)
        }
        guard term.kind == .tuple || term.kind == .list, let name = term[0], name.kind != .tuple else {
            throw .notMessage
        }
        if name.matches("info_event") { return try infoEvent(term) }
        if name.matches("initial_info") { return try initialInfo(term) }
        if name.matches("field_spec") { return try fieldSpec(term) }
        if name.matches("system_msg") { return .systemMessage(try part(1, of: term, "system_msg")) }
        if name.matches("msg") { return .userMessage(try part(1, of: term, "msg")) }
        guard let text = name.repairedText else { throw .notMessage }
        guard text.utf8.count <= Self.maximumNameBytes else { throw .nameTooLong(bytes: text.utf8.count) }
        return .unknown(name: text)
    }

    // MARK: Kinds

    /// `{field_spec, Element, [Field]}`
    private func fieldSpec(_ term: BERTTerm) throws(BasixRejection) -> BasixMessage {
        let element = try element(of: term, "field_spec")
        let list = try part(2, of: term, "field_spec")
        guard list.isEmptyList || (list.kind == .list && list.tail == nil) else {
            throw .fieldsAreNoTexts(element: element.name)
        }
        let count = list.isEmptyList ? 0 : list.count
        guard count <= Self.maximumFields else { throw .tooManyFields(element: element.name, count: count) }
        var names: [String] = []
        if !list.isEmptyList {
            for field in list.elements {
                guard let name = field.repairedText else { throw .fieldsAreNoTexts(element: element.name) }
                guard name.utf8.count <= Self.maximumNameBytes else { throw .nameTooLong(bytes: name.utf8.count) }
                names.append(name)
            }
        }
        let layout = BasixLayout(element: element, names: names)
        guard layouts[element] != nil || layouts.count < Self.maximumElements else { throw .tooManyElements }
        layouts[element] = layout
        return .fieldSpec(layout)
    }

    /// `{initial_info, Element, [Record]}`, or `{bert,nil}` for none.
    private func initialInfo(_ term: BERTTerm) throws(BasixRejection) -> BasixMessage {
        let element = try element(of: term, "initial_info")
        let list = try part(2, of: term, "initial_info")
        if list.isEmptyList { return .initialInfo(element, []) }
        guard list.kind == .list, list.tail == nil else { throw .itemsAreNoList(element: element.name) }
        let layout = try layout(of: element)
        var items: [BasixItem] = []
        items.reserveCapacity(list.count)
        for record in list.elements { items.append(try item(record, layout)) }
        return .initialInfo(element, items)
    }

    /// `{info_event, Element, Record, Event}`
    private func infoEvent(_ term: BERTTerm) throws(BasixRejection) -> BasixMessage {
        var parts = term.elements
        _ = parts.next()
        guard let name = parts.next(), let record = parts.next(), let event = parts.next() else {
            throw .tooShort(name: "info_event", parts: term.count)
        }
        guard let element = BasixElement(name) else { throw .elementIsNoText }
        guard event.utf8 != nil || event.text != nil else { throw .eventIsNoText }
        return .infoEvent(element, event: event, try item(record, try layout(of: element)))
    }

    // MARK: Parts

    private func part(_ index: Int, of term: BERTTerm, _ name: String) throws(BasixRejection) -> BERTTerm {
        guard let part = term[index] else { throw .tooShort(name: name, parts: term.count) }
        return part
    }

    private func element(of term: BERTTerm, _ name: String) throws(BasixRejection) -> BasixElement {
        guard let element = BasixElement(try part(1, of: term, name)) else { throw .elementIsNoText }
        guard element.name.utf8.count <= Self.maximumNameBytes else {
            throw .nameTooLong(bytes: element.name.utf8.count)
        }
        return element
    }

    private func layout(of element: BasixElement) throws(BasixRejection) -> BasixLayout {
        guard let layout = layouts[element] else { throw .noLayout(element: element.name) }
        return layout
    }

    private func item(_ record: BERTTerm, _ layout: BasixLayout) throws(BasixRejection) -> BasixItem {
        guard record.kind == .tuple || record.kind == .list, !record.isEmptyList else { throw .itemIsNoRecord }
        return BasixItem(record: record, layout: layout)
    }
}
