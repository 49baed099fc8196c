import Codecs

/// What one reader gets of a feed: what he asks for, of what his token lets him see.
package struct FeedFilter: Sendable {
    private let wanted: LineFilter
    private let scope: LineFilter?
    private let scopeNamesSources: Bool

    /// - Parameters:
    ///   - wanted: what the reader asks for.
    ///   - scope: what a line has to name for the reader to see it, in every respect that is named; nil: he sees all. Strict: a
    ///     line that does not say, or cannot be read, is not shown, be it of a call of which others were.
    package init(wanted: LineCriteria = LineCriteria(), scope: LineCriteria? = nil) {
        self.wanted = LineFilter(wanted)
        self.scope = scope.map { LineFilter($0) }
        scopeNamesSources = scope?.sources.isEmpty == false
    }

    /// Every line passes.
    package var isOpen: Bool { scope == nil && wanted.isOpen }

    /// Whether a line of the feed, an event or a CloudEvent that carries one, passes.
    package func passes(_ line: UnsafeRawBufferPointer) -> Bool {
        let event = Self.event(in: line)
        guard let scope else { return wanted.passes(event) }
        guard LineHead.kind(of: event) != nil, !scopeNamesSources || LineHead.sourceName(of: event) != nil else {
            return false
        }
        return scope.passes(event) && wanted.passes(event)
    }

    /// The event that a CloudEvent carries.
    private static func event(in line: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        var isCloudEvent = false
        LineMembers.forEach(in: line) { name, _ in
            isCloudEvent = LineMembers.equals(line, name, "specversion")
            return false
        }
        guard isCloudEvent, let data = LineMembers.value("data", in: line) else { return line }
        return UnsafeRawBufferPointer(rebasing: line[data])
    }
}
