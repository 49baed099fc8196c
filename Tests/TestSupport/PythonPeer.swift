import Foundation

/// Independent peers written in Python, which `make test-python` installs in virtual environments below `.build/python`.
public enum PythonPeer {
    /// The interpreter that knows the packages of `Tests/Python/<list>.txt`; nil, with a printed reason, if nobody installed them.
    public static func interpreter(_ list: String) -> String? {
        let path = root.appendingPathComponent(".build/python/\(list)/bin/python3").path
        if FileManager.default.isExecutableFile(atPath: path) { return path }
        printSkip("the packages of Tests/Python/\(list).txt are not installed: run `make test-python`")
        return nil
    }

    /// A script of `Tests/TestSupport/Fixtures`.
    public static func script(_ name: String) -> String {
        root.appendingPathComponent("Tests/TestSupport/Fixtures/\(name)").path
    }

    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
}
