import GRDBSQLite

/// A prepared statement on one connection, straight on SQLite's C interface.
///
/// Not Sendable: used only where its connection is used. Finalized with its owner, which must happen before the connection
/// closes. Text is bound by pointer, without a copy: the caller keeps it alive until the statement has run.
final class PreparedStatement {
    private let connection: OpaquePointer
    private let handle: OpaquePointer

    init(_ connection: OpaquePointer, _ sql: String) throws {
        var handle: OpaquePointer?
        let code = sqlite3_prepare_v3(connection, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &handle, nil)
        guard code == SQLITE_OK, let handle else { throw SQLiteFailure(code: code, connection: connection) }
        (self.connection, self.handle) = (connection, handle)
    }

    deinit { sqlite3_finalize(handle) }

    /// Binding fails only for a wrong index or without memory; then the row would violate NOT NULL, which `step` reports.
    @inline(__always)
    func bind(_ index: Int32, _ value: Int64) { sqlite3_bind_int64(handle, index, value) }

    @inline(__always)
    func bind(_ index: Int32, text: UnsafeRawBufferPointer) {
        sqlite3_bind_text64(
            handle, index, text.baseAddress?.assumingMemoryBound(to: CChar.self), UInt64(text.count), nil,
            UInt8(SQLITE_UTF8))
    }

    func bindNull(_ index: Int32) { sqlite3_bind_null(handle, index) }

    func bind(_ index: Int32, blob: UnsafeRawBufferPointer) {
        if blob.isEmpty {
            sqlite3_bind_zeroblob(handle, index, 0)
        } else {
            sqlite3_bind_blob64(handle, index, blob.baseAddress, UInt64(blob.count), nil)
        }
    }

    /// True when there is a row to read.
    @inline(__always)
    func step() throws -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code:
            let failure = SQLiteFailure(code: code, connection: connection)
            sqlite3_reset(handle)
            throw failure
        }
    }

    /// Ready for the next run; ends the read transaction that a `select` holds.
    @inline(__always)
    func reset() { sqlite3_reset(handle) }

    /// Runs to the end, rows ignored.
    @inline(__always)
    func run() throws {
        while try step() {}
        sqlite3_reset(handle)
    }

    /// The first column of the first row; nil without a row or with NULL.
    func integer() throws -> Int64? {
        defer { reset() }
        guard try step(), sqlite3_column_type(handle, 0) != SQLITE_NULL else { return nil }
        return integer(0)
    }

    @inline(__always)
    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    /// Bytes of a text or blob column, valid until the next step or reset.
    @inline(__always)
    func bytes(_ column: Int32) -> UnsafeRawBufferPointer {
        // In this order: asking for the pointer may convert, which changes the count.
        let start = sqlite3_column_blob(handle, column)
        return UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : Int(sqlite3_column_bytes(handle, column)))
    }

    func text(_ column: Int32) -> String { String(decoding: bytes(column), as: UTF8.self) }
}
