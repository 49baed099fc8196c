import BridgeCore
import Codecs
import Glibc

extension FileSinkConfiguration {
    package func makeSink(name: String, tenant: String) throws -> any Sink {
        var options = FileSink.Options(path: path, tenant: tenant)
        options.rotateSizeBytes = rotation?.size.map(Int64.init)
        options.rotateAge = rotation?.age
        options.keep = rotation?.keep
        options.mode = mode
        options.sync = sync == .always ? .always : .never
        return try FileSink(name: name, options: options, now: { WallClock.now() })
    }
}
