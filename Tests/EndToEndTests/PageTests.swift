import Foundation
import Testing

extension EndToEnd {
  @Suite("The page, in a browser")
  struct PageTests {
    let nsd: NSD
    let server: ServerProcess
    let page: String

    init() throws {
      nsd = try NSD()
      let folder = try TemporaryFolder()
      server = try ServerProcess(
        upstreams: [nsd.endpoint], flags: ["--http", "127.0.0.1:0"] + folder.tokenFlags,
        folder: folder)
      page = "http://\(try server.web().endpoint)/"
      for name in ["www.example.net", "web.example.net", "missing.example.net"] {
        _ = try server.dig(name)
      }
      _ = try server.dig("www.example.net")
    }

    private func open(_ browser: Browser, _ place: String = "") throws {
      try open(browser, at: page + place)
      try #require(try browser.waits(for: "document.body?.dataset.ready"))
      // That it was asked for the token is not its fault.
      browser.forgetRefusals()
    }

    private func open(_ browser: Browser, at place: String) throws {
      try browser.open(place)
      #expect(
        try browser.waits(
          for: "document.querySelector('dialog')?.open || document.body?.dataset.ready"))
      if try browser.value(of: "document.querySelector('dialog').open") as? Bool == true {
        try browser.type(WebClient.usualToken, into: "#token")
      }
    }

    @Test func `it shows the figures of the server, and its scripts complain of nothing`() throws {
      let browser = try Browser()
      try open(browser)
      #expect(try browser.text(of: "#state") == "All upstreams answer")
      let figures = try browser.text(of: "#figures")
      // A hit and three misses.
      #expect(figures.contains("25 %"), "\(figures)")
      #expect(figures.contains("256 MiB"))
      #expect(try browser.text(of: "#about").contains(server.endpoint.description))
      #expect(try browser.text(of: "#top-names").contains("www.example.net"))
      #expect(try browser.text(of: "#top-clients").contains("127.0.0.1"))
      #expect(try browser.text(of: "#top-failures") == "None")
      let upstreams = try browser.text(of: "#upstreams")
      #expect(upstreams.contains(nsd.endpoint.description) && upstreams.contains("answers"))
      // The figures go on by themselves.
      for _ in 0..<6 { _ = try server.dig("www.example.net") }
      #expect(
        try browser.waits(for: "document.querySelector('#figures').innerText.includes('70 %')"))
      #expect(browser.complaints == [])
      #expect(!browser.requests.isEmpty)
      #expect(browser.requests.allSatisfy { $0.hasPrefix(page) || $0.hasPrefix("data:") })
    }

    @Test func `the explorer finds a name, its addresses, and other names of them`() throws {
      let browser = try Browser()
      try open(browser)
      try browser.type("WWW.example.net", into: "#what")
      #expect(try browser.waits(for: "!document.querySelector('#found').hidden"))
      let found = try browser.text(of: "#found")
      #expect(found.lowercased().contains("www.example.net"))
      #expect(found.contains("192.0.2.80"))
      #expect(found.contains("answer"))
      // By a click to the names of the address, and back.
      try browser.click("#found a[href='#192.0.2.80']")
      #expect(
        try browser.waits(for: "document.querySelector('#found').innerText.includes('2 names')"))
      #expect(try browser.text(of: "#found").contains("web.example.net"))
      #expect(try browser.value(of: "location.hash") as? String == "#192.0.2.80")
      _ = try browser.value(of: "history.back()")
      #expect(
        try browser.waits(for: "!document.querySelector('#found').innerText.includes('2 names')"))
      // The page's address is enough.
      let other = try Browser()
      try open(other, "#missing.example.net/A")
      #expect(
        try other.waits(for: "!document.querySelector('#found').hidden"))
      #expect(browser.complaints + other.complaints == [])
    }

    @Test func `a flush is asked for twice, and done`() throws {
      let browser = try Browser()
      try open(browser, "#www.example.net/A")
      #expect(try browser.waits(for: "document.querySelector('#found button')"))
      #expect(try browser.text(of: "#found").contains("192.0.2.80"))
      try browser.click("#found button")
      #expect(try browser.text(of: "#found button") == "Forget www.example.net?")
      #expect(try server.ctl("cache", "show", "www.example.net").output.contains("192.0.2.80"))
      try browser.click("#found button")
      #expect(
        try browser.waits(for: "document.querySelector('#found').innerText.includes('removed')"))
      #expect(try !server.ctl("cache", "show", "www.example.net").output.contains("192.0.2.80"))
      #expect(try !browser.text(of: "#found .sets").contains("192.0.2.80"))
      #expect(browser.complaints == [])
    }

    @Test func `what is no name is said to be none, and names are never markup`() throws {
      let odd = "<img src=x onerror=alert(1)>.example.net"
      let browser = try Browser()
      try open(
        browser, "#\(odd.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")/A")
      #expect(try browser.waits(for: "!document.querySelector('#found').hidden"))
      #expect(try browser.value(of: "document.querySelectorAll('main img').length") as? Int == 0)
      try browser.type(String(repeating: "a", count: 70) + ".example.net", into: "#what")
      #expect(
        try browser.waits(for: "document.querySelector('#found .problem')"))
      #expect(try browser.text(of: "#found .problem").contains("not a domain name"))
    }

    @Test func `a server that is gone is said to be gone, and found again`() throws {
      let folder = try TemporaryFolder()
      let port = try FreePort.next()
      let server = try ServerProcess(
        upstreams: [nsd.endpoint], flags: ["--http", "127.0.0.1:\(port)"] + folder.tokenFlags,
        folder: folder)
      let browser = try Browser()
      try open(browser, at: "http://127.0.0.1:\(port)/")
      #expect(try browser.waits(for: "document.body?.dataset.ready"))
      #expect(server.terminate() == .exited(0))
      #expect(try browser.waits(for: "document.body.classList.contains('lost')"))
      #expect(try browser.text(of: "#state").contains("cannot be reached"))
      try server.start()
      #expect(try browser.waits(for: "!document.body.classList.contains('lost')"))
      #expect(try browser.text(of: "#state") == "No upstream has been asked yet")
      _ = try server.dig("www.example.net")
      let sentence = "document.querySelector('#state').innerText === 'All upstreams answer'"
      #expect(try browser.waits(for: sentence))
    }

    @Test func `the token is asked for once, and kept by the window`() throws {
      let file = server.folder.file("token")
      try "correct-horse-battery-staple\n".write(toFile: file, atomically: false, encoding: .utf8)
      let server = try ServerProcess(
        upstreams: [nsd.endpoint], flags: ["--http", "127.0.0.1:0", "--http-token-file", file])
      let page = "http://\(try server.web().endpoint)/"
      let browser = try Browser()
      try browser.open(page)
      #expect(try browser.waits(for: "document.querySelector('dialog')?.open"))
      #expect(try browser.value(of: "document.activeElement.id") as? String == "token")
      try browser.type("wrong-horse-battery-staple", into: "#token")
      #expect(try browser.waits(for: "!document.querySelector('#token-wrong').hidden"))
      #expect(try browser.value(of: "document.querySelector('dialog').open") as? Bool == true)
      try browser.type("correct-horse-battery-staple", into: "#token")
      #expect(try browser.waits(for: "document.body?.dataset.ready"))
      #expect(try browser.value(of: "document.querySelector('dialog').open") as? Bool == false)
      try browser.open(page)
      #expect(try browser.waits(for: "document.body?.dataset.ready"))
      #expect(try browser.value(of: "document.querySelector('dialog').open") as? Bool == false)
      // Nothing of it stays for other windows, or in the address.
      #expect(try browser.value(of: "localStorage.length + document.cookie.length") as? Int == 0)
      #expect(!browser.requests.contains { $0.contains("horse") })
      #expect(browser.complaints.allSatisfy { $0.contains("401") }, "\(browser.complaints)")
    }

    @Test func `without a token the page says how to have one, and explains names`() throws {
      let server = try ServerProcess(
        upstreams: [nsd.endpoint], flags: ["--http", "127.0.0.1:0"])
      let browser = try Browser()
      try browser.open("http://\(try server.web().endpoint)/#www.example.net/A")
      #expect(
        try browser.waits(
          for: "document.querySelector('#state')?.innerText.includes('http-token-file')"))
      #expect(try browser.waits(for: "!document.querySelector('#found').hidden"))
      #expect(try browser.text(of: "#found").contains("www.example.net"))
    }

    /// 320 CSS pixels are what WCAG 2.2, success criterion 1.4.10, asks for.
    @Test(arguments: [1_280, 760, 320], [false, true])
    func `it fits any window, light and dark, and can be read`(width: Int, isDark: Bool) throws {
      let browser = try Browser(width: width, isDark: isDark)
      try open(browser, "#www.example.net/A")
      #expect(try browser.waits(for: "!document.querySelector('#found').hidden"))
      #expect(
        try browser.value(of: "document.documentElement.scrollWidth <= innerWidth") as? Bool == true
      )
      let poor = try browser.value(of: Self.poorContrast) as? [String]
      #expect(poor == [])
      // Each plot, field and table has a name for those who don't see it.
      let nameless =
        try browser.value(
          of: """
            [...document.querySelectorAll('svg, input:not([hidden]), select, button, [role=region]')]
              .filter(one => !(one.getAttribute('aria-label') || one.getAttribute('aria-labelledby')
                || one.labels?.length || one.textContent.trim())).map(one => one.outerHTML)
            """) as? [String]
      #expect(nameless == [])
      let picture = try browser.screenshot()
      #expect(picture.count > 20_000)
      // For a look, where the test run is told a folder.
      if let folder = ProcessInfo.processInfo.environment["PAGE_PICTURES"] {
        try picture.write(
          to: URL(filePath: folder).appending(
            path: "page-\(width)-\(isDark ? "dark" : "light").png"))
      }
      #expect(browser.complaints == [])
    }

    /// The texts whose contrast with what is behind them is below 4.5 to 1 (WCAG 2.2, 1.4.3).
    private static let poorContrast = """
      (() => {
        const channels = color => (color.match(/[\\d.]+/g) ?? []).map(Number);
        const light = ([red, green, blue]) => [red, green, blue].map(value => value / 255)
          .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
          .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
        const ground = element => {
          for (let one = element; one; one = one.parentElement) {
            const color = channels(getComputedStyle(one).backgroundColor);
            if (color.length === 3 || color[3] === 1) return color;
          }
          return [255, 255, 255];
        };
        const found = [];
        for (const element of document.querySelectorAll('body *')) {
          const own = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
          if (!own || !element.getClientRects().length || element.closest('noscript, option')) continue;
          const style = getComputedStyle(element);
          const isDrawn = element instanceof SVGElement;
          const [one, other] = [light(channels(isDrawn ? style.fill : style.color)), light(ground(element))];
          const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
          if (contrast < 4.5) found.push(`${element.textContent.trim().slice(0, 40)}: ${contrast.toFixed(2)}`);
        }
        return found;
      })()
      """

    @Test func `a plot is read with the keys`() throws {
      let browser = try Browser()
      try open(browser)
      let keys = "document.querySelector('#plot-queries .keys').innerText"
      // A sample is taken every ten seconds, and asked for as often.
      guard
        try browser.waits(
          for: "document.querySelector('#plot-queries .area')", within: .seconds(60))
      else {
        Issue.record("no sample of the history came")
        return
      }
      #expect(try browser.value(of: keys) as? String == "hits\nmisses\nother\nfailures")
      _ = try browser.value(of: "document.querySelector('#plot-queries svg').focus()")
      try browser.press("ArrowLeft", code: 37)
      #expect(try (browser.value(of: keys) as? String)?.contains(/^\d\d:\d\d\nhits \d/) == true)
      _ = try browser.value(of: "document.querySelector('#plot-queries svg').blur()")
      #expect(try browser.value(of: keys) as? String == "hits\nmisses\nother\nfailures")
    }
  }
}
