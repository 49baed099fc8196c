import GRDB
import GRDBSQLite

/// Why the store cannot do what it was asked. The text names the file, what came instead, and what to do next.
package enum StoreError: Error, Sendable, Equatable {
    /// No space on the file system. The store keeps what it was given and tries again.
    case full(path: String, detail: String)
    /// Reading or writing failed below SQLite. The store keeps what it was given and tries again.
    case io(path: String, detail: String)
    /// Another program holds the database's write lock. The store keeps what it was given and tries again.
    case busy(path: String)
    /// SQLite calls the file corrupt. It is set aside when the store is opened the next time.
    case damaged(path: String, detail: String)
    /// Another process has this store open.
    case locked(path: String, pid: Int32?)
    /// The file was written by a newer version of this program.
    case newerSchema(path: String)
    /// A database, but not one of this program's.
    case foreign(path: String)
    /// Directory or file cannot be made or opened.
    case cannotOpen(path: String, detail: String)
    /// The file under this path is no longer the one that was opened.
    case replaced(path: String)
    /// The store was closed while the call waited.
    case closed(path: String)

    /// True when only a new file helps.
    package var isDamage: Bool {
        if case .damaged = self { true } else { false }
    }
}

extension StoreError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .full(let path, let detail):
            "store \(path): no space left on its file system (\(detail)); nothing is lost, writing goes on once space is free"
        case .io(let path, let detail):
            "store \(path): input/output failed (\(detail)); look at the disk and the kernel log, writing is tried again"
        case .busy(let path):
            "store \(path): another program holds its write lock; end that program's transaction (sqlite3 by hand?)"
        case .damaged(let path, let detail):
            "store \(path): not a sound SQLite database (\(detail)); it is set aside at the next start and a new one begun"
        case .locked(let path, let pid):
            "store \(path): already in use by "
                + (pid.map { "process \($0); stop that one first, or give this one a store of its own" }
                    ?? "another process; stop that one first")
        case .newerSchema(let path):
            "store \(path): written by a newer version of cti-bridge; run that version, or give this one another path"
        case .foreign(let path):
            "store \(path): a SQLite database, but not a store of cti-bridge; give another path"
        case .cannotOpen(let path, let detail):
            "store \(path): cannot be opened (\(detail)); check path, owner and permissions"
        case .replaced(let path):
            "store \(path): another file has taken its place since it was opened; open it again"
        case .closed(let path):
            "store \(path): closed before this was written"
        }
    }
}

/// What SQLite answered to one call.
struct SQLiteFailure: Error {
    let code: Int32
    let message: String

    init(code: Int32, connection: OpaquePointer?) {
        self.code = code
        message = connection.map { String(cString: sqlite3_errmsg($0)) } ?? String(cString: sqlite3_errstr(code))
    }
}

extension StoreError {
    /// Sorts any error of SQLite or GRDB by what can be done about it.
    init(_ error: any Error, path: String) {
        switch error {
        case let known as StoreError: self = known
        case let failure as SQLiteFailure: self.init(code: failure.code, detail: failure.message, path: path)
        case let failure as DatabaseError:
            self.init(
                code: failure.extendedResultCode.rawValue,
                detail: failure.message ?? failure.extendedResultCode.description, path: path)
        default: self = .io(path: path, detail: "\(error)")
        }
    }

    private init(code: Int32, detail: String, path: String) {
        let text = "SQLite \(code): \(detail)"
        switch code & 0xFF {
        case SQLITE_FULL: self = .full(path: path, detail: text)
        case SQLITE_CORRUPT, SQLITE_NOTADB: self = .damaged(path: path, detail: text)
        case SQLITE_BUSY, SQLITE_LOCKED: self = .busy(path: path)
        case SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_AUTH: self = .cannotOpen(path: path, detail: text)
        default: self = .io(path: path, detail: text)
        }
    }
}
