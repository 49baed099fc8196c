/// A call as a source names it, with the hash of its id. The id itself, a text of its own, is made only where one is kept.
struct CallName {
    let source: CallTracker.Source
    /// The vendor's.
    let vendorID: String
    let hash: TextHash

    init(_ vendorID: String, of source: CallTracker.Source) {
        (self.source, self.vendorID) = (source, vendorID)
        hash = TextHash(vendorID, after: source.callPrefixState)
    }

    /// Source name, a colon, the vendor's id.
    var id: String { source.callPrefix + vendorID }

    func isName(of call: CallState) -> Bool {
        guard call.hash == hash else { return false }
        let same = call.id.utf8.withContiguousStorageIfAvailable { id in
            vendorID.utf8.withContiguousStorageIfAvailable { rest in
                id.count == source.callPrefix.utf8.count + rest.count && id.suffix(rest.count).elementsEqual(rest)
            }
        }
        return (same ?? nil) ?? (call.id == id)
    }
}
