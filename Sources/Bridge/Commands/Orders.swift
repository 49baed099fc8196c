import ArgumentParser
import Codecs
import Store

/// Carries an order out: by the running service, or in the store itself where none runs.
enum Orders {
    /// What goes wrong becomes a line on standard error, and exit code 1.
    static func reporting<Result>(_ work: () throws -> Result) throws -> Result {
        do {
            return try work()
        } catch let error as ExitCode {
            throw error
        } catch {
            Output.error("\(error)")
            throw ExitCode.failure
        }
    }

    /// `alone` is called with the opened store where the service does not run.
    static func carryOut(
        _ request: ControlRequest, _ options: TenantOptions, alone: (DeliveryOrders) throws -> [UInt8]
    ) throws -> JSONValue {
        try reporting {
            let places = try options.find()
            do {
                return try ControlClient(path: places.control).ask(request)
            } catch is ControlClient.NotRunning {
                // It must exist: an order makes no store. And the lock tells of a service that does not answer.
                try StoreReader(path: places.store).close()
                let store = try Store.open(
                    StoreConfiguration(path: places.store, retention: .seconds(3650 * 86_400), maxSizeBytes: 16 << 40),
                    newStream: Tenant.newStream, notify: { _ in })
                defer { store.close() }
                return try JSONDocument(try alone(DeliveryOrders(store: store))).root
            }
        }
    }
}
