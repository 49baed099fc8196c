import BridgeCore
import Sinks

/// One entry of `sinks:`.
package struct SinkConfiguration: Sendable {
    /// What the configuration says about delivery, in place of what the type of the sink would do.
    package struct Delivery: Sendable, Equatable {
        /// A limit that can be switched off.
        package enum Limit: Sendable, Equatable {
            case none
            case of(Duration)

            var duration: Duration? {
                switch self {
                case .none: nil
                case .of(let duration): duration
                }
            }
        }

        package var maximumAge: Limit?
        package var rate: Int?
        package var initialWait: Duration?
        package var maximumWait: Duration?
        package var budget: Limit?

        package init() {}

        /// `policy` with what the configuration says.
        package func applied(to policy: DeliveryPolicy) -> DeliveryPolicy {
            var policy = policy
            if let maximumAge { policy.maximumAge = maximumAge.duration }
            if let rate { policy.rate = rate }
            if let initialWait { policy.retries.initial = initialWait }
            if let maximumWait { policy.retries.maximum = maximumWait }
            if let budget { policy.retries.budget = budget.duration }
            policy.retries.maximum = max(policy.retries.maximum, policy.retries.initial)
            return policy
        }
    }

    /// Unique in the tenant; its cursor in the store has this name.
    package let name: String
    package let isEnabled: Bool
    /// The kinds to deliver; nil for all of them.
    package let kinds: Set<String>?
    /// Names of the sources to deliver; nil for all of them.
    package let sources: Set<String>?
    /// What else the lines to deliver must be, and what they must not be.
    package let wanted: LineCriteria
    package let except: LineCriteria
    package let delivery: Delivery
    package let transform: LineTransform
    package let destination: any SinkTypeConfiguration

    package init(
        name: String, isEnabled: Bool = true, kinds: Set<String>? = nil, sources: Set<String>? = nil,
        wanted: LineCriteria = LineCriteria(), except: LineCriteria = LineCriteria(), delivery: Delivery = Delivery(),
        transform: LineTransform = LineTransform(), destination: any SinkTypeConfiguration
    ) {
        (self.name, self.isEnabled, self.kinds, self.sources) = (name, isEnabled, kinds, sources)
        (self.wanted, self.except, self.delivery) = (wanted, except, delivery)
        (self.transform, self.destination) = (transform, destination)
    }

    package var type: String { Swift.type(of: destination).type }
    /// Readers get its lines from the admin listener.
    package var isServedByAdmin: Bool { Swift.type(of: destination).isServedByAdmin }

    package var filter: LineFilter {
        var wanted = wanted
        wanted.kinds = kinds.map { Array($0) } ?? []
        wanted.sources = sources.map { Array($0) } ?? []
        return LineFilter(wanted, except: except)
    }
}
