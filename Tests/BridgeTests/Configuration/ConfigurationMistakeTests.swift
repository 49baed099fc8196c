import Bridge
import BridgeCore
import Testing

/// A mistake, where it must be found, and what must be said about it.
struct MistakeRow: Sendable, CustomTestStringConvertible {
    let text: String
    let place: String
    let cause: String
    let hint: String?

    init(_ text: String, _ place: String, _ cause: String, _ hint: String? = nil) {
        (self.text, self.place, self.cause, self.hint) = (text, place, cause, hint)
    }

    static func source(_ keys: String, _ place: String, _ cause: String, _ hint: String? = nil) -> MistakeRow {
        MistakeRow(withSourceKeys(keys), place, cause, hint)
    }

    static func sink(_ keys: String, _ place: String, _ cause: String, _ hint: String? = nil) -> MistakeRow {
        MistakeRow(withSinkKeys(keys), place, cause, hint)
    }

    static func redis(_ url: String, _ cause: String, _ hint: String? = nil) -> MistakeRow {
        MistakeRow(fiveLines.replacing("redis://pbx.example:6379/0", with: url), "5:12", cause, hint)
    }

    /// `keys` in `tls: { … }` of a source that speaks TLS; the first one is at column 12.
    static func tls(_ keys: String, _ column: Int, _ cause: String, _ hint: String? = nil) -> MistakeRow {
        let text = withSourceKeys("tls: { \(keys) }").replacing("redis://pbx", with: "rediss://pbx")
        return MistakeRow(text, "6:\(column)", cause, hint)
    }

    var testDescription: String { "\(place) \(cause)" }
}

@Suite("Mistakes of a configuration")
struct ConfigurationMistakeTests {
    static let syntax: [MistakeRow] = [
        MistakeRow("", "1:1", "the file is empty", "tenant: NAME"),
        MistakeRow("# nothing\n", "1:1", "the file is empty", "tenant: NAME"),
        MistakeRow("just a text\n", "1:1", "expected the file as a mapping, found a plain value", "key: value"),
        MistakeRow("tenant: acme\nsources:\n\t- name: cape\n", "3:1", "a tab in the indentation", "spaces"),
        MistakeRow(
            "tenant: acme\nlog:\n  level: info\n   format: text\n", "4:4",
            "bad indentation: further in than the line before", "alike"),
        MistakeRow("tenant: acme\nlog:\n  level: info\n format: text\n", "4:2", "bad indentation", "alike"),
        MistakeRow("tenant: \"acme\nsources: []\n", "1:9", "this quote is never closed", "close it"),
        MistakeRow("tenant: 'acme\n", "1:9", "this quote is never closed", "close it"),
        MistakeRow("tenant: acme\nsinks: [a, b\nlog: x\n", "2:8", "a bracket is not closed", "[ a, b ]"),
        MistakeRow("tenant acme\nsources: []\n", "1:1", "a key without ':'", "key: value"),
        MistakeRow("tenant: acme: x\nsources: []\n", "1:13", "a second ': ' in one line", "quote"),
        MistakeRow("tenant: acme\nsinks: [\"a\" b]\n", "2:13", "a comma is missing", "[ a, b ]"),
        MistakeRow("tenant: acme\nlog level\n", "3:1", "a key without ':'", "key: value"),
        MistakeRow("tenant: @acme\n", "1:9", "cannot begin with this character", "quotes"),
        MistakeRow("tenant: \"a\\qb\"\n", "1:11", "unknown escape", "single quotes"),
        MistakeRow("tenant: acme\n---\ntenant: other\n", "2:1", "a second document", "remove '---'"),
        MistakeRow(
            fiveLines.replacing("acme", with: "&t acme"), "1:9", "anchors (&) and aliases (*)", "repeat the value"),
        MistakeRow(fiveLines + "log: *later\n", "6:6", "anchors (&) and aliases (*)", "repeat the value"),
        MistakeRow(fiveLines + "log: !!map {}\n", "6:6", "tags (!)", "remove it"),
        MistakeRow(fiveLines + "<<: { log: {} }\n", "6:1", "merge keys (<<)", "where they are needed"),
        MistakeRow(fiveLines + "[a, b]: c\n", "6:1", "a key has to be a word", "quote"),
        MistakeRow("tenant: a\u{7}b\n", "1:10", "character U+7 is not allowed", "remove it"),
        .sink(
            "name: a\ntype: stdout\nevents: [*.ended]", "9:14", "aliases (*)", "quote a text that begins with & or *"),
    ]

    static let structure: [MistakeRow] = [
        MistakeRow(
            fiveLines.replacing("tenant: acme\n", with: ""), "1:1", "'tenant' is missing in the file", "add 'tenant: …'"
        ),
        MistakeRow("tenant: acme\n", "1:1", "'sources' is missing", "add 'sources: …'"),
        MistakeRow("tenant: acme\nsources: []\n", "2:10", "'sources' is an empty list", "at least one"),
        MistakeRow("tenant: acme\nsources:\n", "2:1", "'sources' has no value", "remove the key"),
        MistakeRow(
            "tenant: acme\nsources: cape\n", "2:10", "expected a list for 'sources', found a plain value", "brackets"),
        MistakeRow("tenant: acme\nsources: [cape]\n", "2:11", "expected a source as a mapping", "key: value"),
        MistakeRow(fiveLines.replacing("acme", with: "Acme GmbH"), "1:9", "bad 'tenant': 'Acme GmbH'", "a-z 0-9 -"),
        MistakeRow(fiveLines + "sink: []\n", "6:1", "unknown key 'sink' in the file", "did you mean 'sinks'?"),
        MistakeRow(fiveLines + "colour: red\n", "6:1", "unknown key 'colour'", "allowed here: tenant, sources, admin"),
        MistakeRow(
            fiveLines + "tenant: other\n", "6:1", "'tenant' is there twice, first at line 1, column 1", "one of the two"
        ),
        MistakeRow(
            fiveLines + "store: { retention: 30 }\n", "6:21", "expected a duration for 'retention', found '30'", "30s"),
        MistakeRow(fiveLines + "store: { retention: 10s }\n", "6:21", "'retention' is out of range", "1m to 3650d"),
        MistakeRow(
            fiveLines + "store: { max_size: 2GB }\n", "6:20", "expected a size for 'max_size', found '2GB'", "2GiB"),
        MistakeRow(fiveLines + "store: { maxsize: 2GiB }\n", "6:10", "unknown key 'maxsize' in 'store'", "'max_size'?"),
        MistakeRow(
            fiveLines + "log: { level: inof }\n", "6:15", "expected one of trace, debug, info", "did you mean 'info'?"),
        MistakeRow(
            fiveLines + "log: verbose\n", "6:6", "expected 'log' as a mapping, found a plain value", "key: value"),
        .source("name: cape", "6:5", "'name' is there twice, first at line 3, column 5", "one of the two"),
        .source("passwrd: x", "6:5", "unknown key 'passwrd' in a source", "did you mean 'password'?"),
        .source("enabled: yes", "6:14", "expected true or false for 'enabled', found 'yes'", "write 'enabled: true'"),
        .source("enabled: \"false\"", "6:14", "'enabled' is true or false, found text", "without quotes: false"),
        .source("lifecycle: loose", "6:16", "expected one of strict, sparse"),
        .source("raw: on_unmaped", "6:10", "expected one of off, on_unmapped", "did you mean 'on_unmapped'?"),
        .source("proxy: proxy:3128", "6:12", "bad URL for 'proxy': no scheme", "http://HOST:PORT"),
        .source("proxy: https://proxy:3128", "6:12", "scheme 'https' is not known here", "'http'?"),
        .source("proxy: http://proxy", "6:12", "the proxy needs a port", "http://HOST:PORT"),
        .source("proxy: http://proxy:3128/x", "6:12", "a proxy has no path", "http://HOST:PORT"),
        .source("proxy: http://u:hunter2@proxy:3128", "6:12", "credentials do not belong in the URL", "username: NAME"),
        .source("proxy: [http://proxy:3128]", "6:12", "expected a URL for 'proxy', found a list"),
        .source("proxy: {}", "6:12", "'url' is missing in 'proxy'", "add 'url: …'"),
        .source(
            "proxy: { url: http://proxy:3128, username: u }", "6:38", "'username' alone is no credentials",
            "password: {"
        ),
        .source(
            "proxy: { url: http://proxy:3128, password: { env: REDIS_PASSWORD } }", "6:38",
            "'password' alone is no credentials", "username: NAME"),
        .source(
            "proxy: { url: http://proxy:3128, username: a:b, password: { env: REDIS_PASSWORD } }", "6:48",
            "bad 'username': 'a:b'", "without ':'"),
        .source("proxy: { urll: http://proxy:3128, url: http://p:1 }", "6:14", "unknown key 'urll'", "'url'?"),
        MistakeRow(
            fiveLines + "  - name: cape\n    vendor: teleforge\n    redis: redis://a\n", "6:11",
            "the name 'cape' is taken, by line 3, column 11", "unique"),
        MistakeRow(fiveLines.replacing("cape", with: "Cape Town"), "3:11", "bad 'name': 'Cape Town'", "1 to 32 of a-z"),
        MistakeRow(
            fiveLines.replacing("teleforge", with: "telforge"), "4:13", "unknown vendor 'telforge'", "'teleforge'?"),
    ]

    static let teleforge: [MistakeRow] = [
        .redis("pbx.example:6379", "no scheme", "redis://HOST:PORT/DATABASE"),
        .redis("http://pbx.example/", "scheme 'http' is not known here", "redis://HOST:PORT/DATABASE"),
        .redis("redis+tls://pbx.example/", "no scheme", "rediss:// for TLS"),
        .redis("rediss://pbx.example/0?ssl=true", "a query has no meaning", "rediss://HOST:PORT/DATABASE"),
        .redis("redis://:hunter2@pbx.example/", "a password does not belong in the URL", "password: {"),
        .redis("redis://admin@pbx.example/", "a user name does not belong in the URL", "username: NAME"),
        .redis("redis://u:1/hunter2@pbx.example/0", "the database is not a number"),
        .redis("redis:///0", "no host", "redis://HOST:PORT/DATABASE"),
        .redis("redis://pbx.example:99999/0", "the port is not one", "1 to 65535"),
        .redis("redis://pbx.example/zero", "the database is not a number", "0 to 65535"),
        .redis("redis://pbx_ex!ample/0", "the host is not one"),
        .redis("unix://run/redis.sock", "absolute path", "three slashes"),
        .redis("unix:///run/redis.sock?database=1", "unknown query", "?db=NUMBER"),
        .redis("[redis://pbx.example/0]", "expected a URL for 'redis', found a list"),
        .source("lists: [inbound, crd]", "6:22", "found 'crd'", "did you mean 'cdr'?"),
        .source("lists: [cdr, cdr]", "6:18", "'cdr' is there twice, first at line 6, column 13"),
        .source("lists: []", "6:5", "neither lists nor channels", "at least one"),
        .source("lists: cdr", "6:12", "expected a list for 'lists', found a plain value", "brackets"),
        .source("pop: front", "6:10", "expected one of left, right"),
        .source("delivery: at-least-once", "6:15", "found 'at-least-once'", "did you mean 'at_least_once'?"),
        .source("prefix: \"enigma:\"", "6:13", "bad 'prefix'", "not ending with ':'"),
        .source("commands: { BLMOV: x }", "6:17", "'BLMOV' is no command that this source sends", "'BLMOVE'?"),
        .source("limits: { depth: 9000 }", "6:22", "'depth' is out of range: '9000'", "2 to 64"),
        .source("limits: { depth: \"16\" }", "6:22", "'depth' is a number, found text", "without quotes: 16"),
        .source("limits: { depth: 016 }", "6:22", "expected a number from 2 to 64 for 'depth', found '016'", "decimal"),
        .source("limits: { element_bytes: 1 MiB }", "6:30", "expected a size for 'element_bytes'", "64KiB"),
        .source(
            "tls: { server_name: pbx }", "6:5", "'tls' without TLS: the URL of 'redis' begins with redis://",
            "write rediss://HOST:PORT/DATABASE"),
        .tls("ca: /nonexistent/ca.pem", 16, "tls.ca /nonexistent/ca.pem cannot be read: No such file"),
        .tls("ca: /dev/null", 16, "tls.ca /dev/null cannot be read: it is not a regular file"),
        .tls("ca: /etc/hostname", 16, "tls.ca /etc/hostname holds no certificate in PEM form"),
        .tls("ca: ca.pem", 16, "'ca' needs an absolute path", "begin it with /"),
        .tls("cert: /etc/hostname", 12, "'cert' without 'key'", "add key: PATH"),
        .tls("key: { env: REDIS_PASSWORD }", 12, "'key' without 'cert'", "add cert: PATH"),
        .tls("cert: /x, key: /nonexistent/key", 27, "the key '/nonexistent/key' cannot be read: No such file"),
        .tls("cert: /x, key: /etc/hostname", 27, "'/etc/hostname' can be read or written by others", "chmod 640"),
        .tls("server_name: https://pbx", 25, "bad 'server_name': 'https://pbx'", "a host name or an address"),
        .tls("server_name: \"fd00::1::2\"", 25, "bad 'server_name': 'fd00::1::2'", "a host name or an address"),
        .tls("verify: insecur", 20, "expected one of full, insecure for 'verify'", "did you mean 'insecure'?"),
        .tls("verify: false", 20, "expected one of full, insecure for 'verify', found 'false'", "'verify: insecure'"),
        .tls("verfy: full", 12, "unknown key 'verfy' in 'tls'", "did you mean 'verify'?"),
        .source("username: cti", "6:5", "'username' without 'password'", "credential"),
        .source(
            "password: hunter2", "6:15", "'password' is a secret and must not be written into the file",
            "{ credential: NAME }"),
        .source("password: { env: NOT_SET }", "6:22", "environment variable 'NOT_SET' is not set"),
        .source("password: { env: EMPTY }", "6:22", "environment variable 'EMPTY' is empty"),
        .source("password: { file: /nonexistent/key }", "6:23", "cannot be read: No such file or directory"),
        .source("password: { file: key }", "6:23", "absolute path", "begin it with /"),
        .source("password: { credential: cape }", "6:29", "CREDENTIALS_DIRECTORY is not set", "LoadCredential="),
        .source("password: { credential: ../x }", "6:29", "a credential has a name, not a path", "{ file: PATH }"),
        .source("password: { env: A, file: /b }", "6:15", "exactly one of credential, file, env"),
        .source("password: { vault: x }", "6:17", "unknown key 'vault' in 'password'", "credential, file, env"),
    ]

    static let sinks: [MistakeRow] = [
        MistakeRow(fiveLines + "sinks: []\n", "6:8", "'sinks' is an empty list", "stdout"),
        .sink("name: a", "7:5", "'type' is missing in a sink", "type: …"),
        .sink("name: a\ntype: kafka", "8:11", "unknown type 'kafka'; available: stdout, file"),
        .sink("name: a\ntype: stdot", "8:11", "unknown type 'stdot'", "did you mean 'stdout'?"),
        .sink("name: a\ntype: stdout\npath: /x/y", "9:5", "unknown key 'path' in a sink", "allowed here: name, type"),
        .sink(
            "name: a\ntype: stdout\nevents: [call.rining]", "9:14", "'call.rining' matches no kind", "'call.ringing'?"),
        .sink("name: a\ntype: stdout\nevents: [ringing]", "9:14", "'ringing' matches no kind", "'call.ringing'?"),
        .sink(
            "name: a\ntype: stdout\nevents: [\"calls.*\"]", "9:14", "'calls.*' matches no kind",
            "did you mean 'call.*'?"),
        .sink("name: a\ntype: stdout\nevents: []", "9:13", "'events' is an empty list", "remove it for all kinds"),
        .sink("name: a\ntype: stdout\nsources: [cap]", "9:15", "there is no source 'cap'", "did you mean 'cape'?"),
        MistakeRow(
            fiveLines + "sinks:\n  - { name: a, type: stdout }\n  - { name: b, type: stdout }\n", "8:13",
            "sink 'b' writes to stdout, and so does 'a'", "give each its own"),
        .sink("name: a\ntype: file", "7:5", "'path' is missing in a sink", "path: …"),
        .sink("name: a\ntype: file\npath: /a/../b", "9:11", "'.' and '..' are not allowed", "straight"),
        .sink("name: a\ntype: file\npath: /log/", "9:11", "not a directory", "file name"),
        .sink("name: a\ntype: file\npath: /log/%Q", "9:11", "unknown part '%Q'", "%Y %m %d %H %M %S %j %% %{tenant}"),
        .sink("name: a\ntype: file\npath: /log/x%", "9:11", "unknown part '%'", "%Y"),
        .sink("name: a\ntype: file\npath: /%Y/x", "9:11", "a constant directory before the first % part", "/var/log"),
        .sink("name: a\ntype: file\npath: /log/x\nmode: 0999", "10:11", "expected an octal mode for 'mode'", "0640"),
        .sink("name: a\ntype: file\npath: /log/x\nmode: 0444", "10:11", "would not let the service write", "0640"),
        .sink(
            "name: a\ntype: file\npath: /log/x\nrotate: { keep: 3 }", "10:13", "'rotate' needs 'size' or 'age'", "64MiB"
        ),
        .sink("name: a\ntype: file\npath: /log/x\nsync: sometimes", "10:11", "expected one of always, never"),
    ]

    static let all = syntax + structure + teleforge + basix + enreach + xcally + sinks

    @Test(
        "Each mistake is named with its file, line, column, cause and suggestion",
        arguments: all)
    func eachMistake(row: MistakeRow) throws {
        let diagnostics = loadYAML(row.text).diagnostics
        let found = diagnostics.map(\.description).joined(separator: "\n")
        let match = diagnostics.first { $0.cause.contains(row.cause) }
        let diagnostic = try #require(match, "nothing with \(row.cause) in:\n\(found)")
        #expect(diagnostic.description.hasPrefix("acme.yaml:\(row.place): error: "), "\(found)")
        if let hint = row.hint { #expect(diagnostic.hint?.contains(hint) == true, "\(found)") }
        #expect(!found.contains("hunter2"))
    }

    @Test("A single mistake is reported once", arguments: all)
    func onlyOne(row: MistakeRow) {
        let diagnostics = loadYAML(row.text).diagnostics
        #expect(diagnostics.count == 1, "\(diagnostics.map(\.description).joined(separator: "\n"))")
    }

    @Test("All mistakes of a file come in one run, in the order of the lines")
    func allInOneRun() {
        let text = """
            tenant: ACME
            sources:
              - name: cape
                vendor: teleforge
                redis: redis://pbx.example:0/0
                name: cape2
                pop: up
                pop: down
              - name: cape
                vendor: xcaly
                enabled: on
            sinks:
              - name: lines
                type: stdot
                events: [call.endet]
              - nam: lines
                type: file
                path: ../x
                mode: 1
            store: { retention: 3, max_size: 1KiB, retention: 4d }
            log: [info]
            colour: red
            """
        let expected = [
            "1:9", "5:12", "6:5", "7:10", "8:5", "9:11", "10:13", "11:14", "14:11", "15:14", "16:5", "16:5", "18:11",
            "19:11",
            "20:21", "20:34", "20:40", "21:6", "22:1",
        ]
        let found = loadYAML(text).diagnostics
        #expect(
            found.map { "\($0.line):\($0.column)" } == expected, "\(found.map(\.description).joined(separator: "\n"))")
    }

    @Test("A diagnostic is one line for editors, and its hint another")
    func format() throws {
        let diagnostic = try #require(loadYAML(withSourceKeys("passwrd: x")).diagnostics.first)
        #expect(
            diagnostic.description
                == "acme.yaml:6:5: error: unknown key 'passwrd' in a source\n  hint: did you mean 'password'?")
    }

    @Test("Control characters of the file do not reach a terminal")
    func printable() throws {
        let found = try #require(loadYAML(fiveLines + "\"\\e[31m\\u202e\": x\n").diagnostics.first)
        #expect(found.cause.contains("\\u{1b}[31m\\u{202e}"))
    }

    @Test("Mistakes beyond two hundred are counted")
    func many() throws {
        let found = loadYAML(fiveLines + (0..<500).map { "key\($0): x\n" }.joined()).diagnostics
        #expect(found.count == 201)
        #expect(found.last?.cause == "300 more mistakes are not listed")
    }
}
