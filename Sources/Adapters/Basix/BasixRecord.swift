import WireProtocols

/// The documented fields of one record, found in one pass. Reused from record to record; confined to one thread.
final class BasixRecord {
    private let slots: UnsafeMutablePointer<BERTTerm?>
    private var layout: BasixLayout?
    private var record: BERTTerm?

    init() {
        slots = .allocate(capacity: BasixField.allCases.count)
        slots.initialize(repeating: nil, count: BasixField.allCases.count)
    }

    deinit {
        slots.deinitialize(count: BasixField.allCases.count)
        slots.deallocate()
    }

    /// Takes in a record. A missing tail reads as unset, a surplus one is left alone.
    func load(_ item: BasixItem) {
        if layout !== item.layout {
            for slot in 0..<BasixField.allCases.count { slots[slot] = nil }
            layout = item.layout
        }
        record = item.record
        var terms = item.record.elements
        for field in item.layout.fields {
            let term = terms.next()
            guard let field else { continue }
            slots[Int(field.rawValue)] = term.flatMap { $0.isUnset ? nil : $0 }
        }
    }

    /// Lets go of the views: what they look at is about to end.
    func clear() {
        for slot in 0..<BasixField.allCases.count { slots[slot] = nil }
        (layout, record) = (nil, nil)
    }

    /// The value of a field, nil where it is unset or not in the layout.
    subscript(_ field: BasixField) -> BERTTerm? { slots[Int(field.rawValue)] }

    /// Text that is not empty.
    func text(_ field: BasixField) -> String? {
        guard let text = self[field]?.repairedText, !text.isEmpty else { return nil }
        return text
    }

    func integer(_ field: BasixField) -> Int64? { self[field]?.int64 }

    func identifier(_ field: BasixField) -> String? { self[field]?.identifier }

    /// Whether the field holds `text`; nil stands for unset and for empty.
    func field(_ field: BasixField, is text: String?) -> Bool {
        guard let term = self[field], term.utf8.map({ !$0.isEmpty }) ?? true else { return text == nil }
        return text.map { term.hasText($0) } ?? false
    }

    /// Every set field in the order of the layout, each name once.
    func forEachField(_ body: (String, BasixField?, BERTTerm) -> Void) {
        guard let layout, let record else { return }
        var terms = record.elements
        for (position, name) in layout.names.enumerated() {
            guard let term = terms.next() else { return }
            if !term.isUnset, !layout.repeated.contains(position) { body(name, layout.fields[position], term) }
        }
    }

    /// Set fields nobody documented, with their names.
    func forEachUndocumented(_ body: (String, BERTTerm) -> Void) {
        guard let layout, let record else { return }
        for position in layout.undocumented {
            if let term = record[position], !term.isUnset { body(layout.names[position], term) }
        }
    }
}
