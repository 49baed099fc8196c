import Testing

@testable import WireProtocols

@Suite("SignalR: URLs of a hub")
struct HubURLTests {
    @Test(
        "Any of four schemes leads to the same hub; what is posted to and what is opened follow from it",
        arguments: [
            ("https://h/rte", "https://h", "/rte/negotiate?negotiateVersion=1", "/rte?id=x"),
            ("wss://h/rte", "https://h", "/rte/negotiate?negotiateVersion=1", "/rte?id=x"),
            ("WSS://H/rte", "https://h", "/rte/negotiate?negotiateVersion=1", "/rte?id=x"),
            ("http://h:8080/rte", "http://h:8080", "/rte/negotiate?negotiateVersion=1", "/rte?id=x"),
            ("ws://h:80/rte", "http://h", "/rte/negotiate?negotiateVersion=1", "/rte?id=x"),
            ("ws://[::1]:9/rte", "http://[::1]:9", "/rte/negotiate?negotiateVersion=1", "/rte?id=x"),
            ("https://h/rte/", "https://h", "/rte/negotiate?negotiateVersion=1", "/rte/?id=x"),
            ("https://h", "https://h", "/negotiate?negotiateVersion=1", "/?id=x"),
            ("https://h/a/b?x=y&z", "https://h", "/a/b/negotiate?x=y&z&negotiateVersion=1", "/a/b?x=y&z&id=x"),
            ("https://h/rte?", "https://h", "/rte/negotiate?negotiateVersion=1", "/rte?id=x"),
            ("https://h?x=y", "https://h", "/negotiate?x=y&negotiateVersion=1", "/?x=y&id=x"),
            (
                "https://h/r?negotiateVersion=0", "https://h", "/r/negotiate?negotiateVersion=0",
                "/r?negotiateVersion=0&id=x"
            ),
            (
                "https://h/r?NEGOTIATEVERSION=1", "https://h", "/r/negotiate?NEGOTIATEVERSION=1",
                "/r?NEGOTIATEVERSION=1&id=x"
            ),
            (
                "https://h/r?anegotiateVersion=0", "https://h", "/r/negotiate?anegotiateVersion=0&negotiateVersion=1",
                "/r?anegotiateVersion=0&id=x"
            ),
        ])
    func urls(text: String, origin: String, negotiation: String, socket: String) throws {
        let hub = try #require(HubURL(text))
        #expect("\(hub)" == origin)
        #expect("\(hub.negotiation)" == origin)
        #expect(hub.negotiation.target == negotiation)
        #expect(hub.socket(query: [("id", "x")]).target == socket)
        #expect(hub.socket(query: []).target == hub.url.target)
    }

    @Test(
        "What is no absolute URL of a hub is refused",
        arguments: [
            "", "h/rte", "/rte", "ftp://h/rte", "wss:", "wss://", "wss:///rte", "ws://h:0/", "ws://h:99999/",
            "https://user:secret@h/rte", "ws ://h/rte", "ws://h/a b", "wssx://h",
        ])
    func refused(text: String) { #expect(HubURL(text) == nil) }
}
