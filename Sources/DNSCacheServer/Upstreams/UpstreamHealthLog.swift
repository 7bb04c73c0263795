import DNSExchange
import DNSResolver
import EventLoop
import Logging
import Memory

/// Has the log say when an upstream stops answering and when it answers again.
final class UpstreamHealthLog {
  private let worker: Pinned<Worker>
  private let logger: Logger
  private var news = UpstreamNews()
  private var timer: Timer?

  init(on loop: EventLoop, worker: Pinned<Worker>, logger: Logger) {
    self.worker = worker
    self.logger = logger
    timer = Timer(on: loop) { [unowned self] in look() }
  }

  /// Looks at the upstreams soon: one is down that was up, or the other way round.
  func noteChange() { timer?.schedule(after: 0) }

  private func look() {
    let now = EventLoop.now()
    for line in news.look(at: UpstreamsReport.states(worker.value.resolver), now: now) {
      logger.log(level: line.level, "\(line.text)")
    }
    if let next = news.nextLook { timer?.schedule(after: next > now ? next - now : 1) }
  }
}
