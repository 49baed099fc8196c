import CallModel
import WireProtocols

/// `channel_waiting`, and the two elements that came before it: queued and parked channels once more. They hold no calls of
/// their own; what they say of a known channel is taken by the same rules, so the second to say it says nothing.
extension BasixMapper {
    /// The record at hand. `event` is nil in a state dump.
    mutating func takeWaiting(_ element: BasixElement, _ event: BERTTerm?) -> Bool {
        guard let uuid = record.text(.uuid) else {
            tellUnmapped(
                event: "\(element.name)/\(event?.repairedText ?? "snapshot")", Problem(.missingField, detail: "uuid"))
            return false
        }
        // That it left the queue or the slot is told by the channel.
        guard event?.matches("removed") != true, let leg = legs[uuid] else { return true }
        var isNews = false
        if let state = record[.state].flatMap({ BasixStateView($0) }), let time = state.time?.int64,
            leg.stateTime.map({ time > $0 }) ?? true
        {
            (leg.stateName, leg.stateTime) = (state.nameTerm.repairedText, time)
            leg.activity = BasixActivity(state)
            isNews = true
        }
        if record[.endUser] != nil, leg.endUserText == nil {
            leg.endUserText = record.text(.endUser)
            isNews = isNews || leg.endUserText != nil
        }
        guard isNews else { return true }
        cause.event = eventName(element, event)
        settle(leg)
        return true
    }
}
