import DNSWire

/// Search engines that leave out what is not for children when they are asked by another name.
public enum SafeSearch {
  /// Names of an engine, and the one that they are aliases of.
  private static var engines: [(names: [String], target: String)] {
    [
      (googleDomains.map { "www.google.\($0)" }, "forcesafesearch.google.com"),
      (["www.bing.com"], "strict.bing.com"),
      (
        ["duckduckgo.com", "www.duckduckgo.com", "start.duckduckgo.com"], "safe.duckduckgo.com"
      ),
      (
        [
          "www.youtube.com", "m.youtube.com", "youtubei.googleapis.com", "youtube.googleapis.com",
          "www.youtube-nocookie.com",
        ], "restrict.youtube.com"
      ),
      (
        ["com", "com.tr", "ru", "by", "kz", "uz"].flatMap { ["yandex.\($0)", "www.yandex.\($0)"] }
          + ["ya.ru", "www.ya.ru"], "familysearch.yandex.ru"
      ),
      (["www.ecosia.org"], "strict-safe-search.ecosia.org"),
      (["pixabay.com"], "safesearch.pixabay.com"),
    ]
  }

  /// Rules for some groups that answer the engines' names as aliases.
  ///
  /// - Parameter groups: a bit for each.
  public static func rules(for groups: UInt32) -> [BlockRule] {
    engines.flatMap { engine -> [BlockRule] in
      guard let target = try? Name(engine.target) else { return [] }
      return engine.names.compactMap { name in
        (try? Name(name)).map {
          BlockRule(.alias(target), $0, .itself, from: .group, groups: groups)
        }
      }
    }
  }

  /// Where Google is to be found (its list of supported domains).
  private static var googleDomains: [Substring] {
    """
    com ad ae com.af com.ag al am co.ao com.ar as at com.au az ba com.bd be bf bg com.bh bi bj com.bn com.bo com.br bs bt
    co.bw by com.bz ca cat cd cf cg ch ci co.ck cl cm cn com.co co.cr com.cu cv com.cy cz de dj dk dm com.do dz com.ec ee
    com.eg es com.et fi com.fj fm fr ga ge gg com.gh com.gi gl gm gr com.gt gy com.hk hn hr ht hu co.id ie co.il im co.in
    iq is it je com.jm jo co.jp co.ke com.kh ki kg co.kr com.kw kz la com.lb li lk co.ls lt lu lv com.ly co.ma md me mg
    mk ml com.mm mn com.mt mu mv mw com.mx com.my co.mz com.na com.ng com.ni ne nl no com.np nr nu co.nz com.om com.pa
    com.pe com.pg com.ph com.pk pl pn com.pr ps pt com.py com.qa ro rs ru rw com.sa com.sb sc se com.sg sh si sk com.sl
    sm sn so sr st com.sv td tg co.th com.tj tl tm tn to com.tr tt com.tw co.tz com.ua co.ug co.uk com.uy co.uz com.vc
    co.ve vg co.vi com.vn vu ws co.za co.zm co.zw
    """.split { $0 == " " || $0 == "\n" }
  }
}
