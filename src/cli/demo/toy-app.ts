import type { AddressInfo } from "node:net";
import { systemClock } from "../../core/clock.ts";
import type { Done, Order } from "./toy-app.messages.ts";
import { createQuiz, type Quiz } from "./toy-app.quiz.ts";

/** Where the toy app's process begins: an edge. It lives only as long as the process that gives it orders. */

let quiz: Quiz | null = null;

const answer = (done: Done): void => void process.send?.(done);

process.on("message", (order: Order) => {
  if (order.type === "listen") return listen(order.port, order.secret);
  if (quiz === null) return answer({ type: "failed", why: "not listening yet" });
  if (order.type === "report") return answer({ type: "report", report: quiz.report() });
  quiz.behave(order.as);
  answer({ type: "behaving" });
});

process.on("disconnect", () => process.exit(0));

function listen(port: number, secret: string): void {
  const starting = createQuiz(systemClock, secret);
  starting.server.once("error", (error) => answer({ type: "failed", why: error.message }));
  starting.server.listen(port, "127.0.0.1", () => {
    quiz = starting;
    answer({ type: "listening", port: (starting.server.address() as AddressInfo).port });
  });
}
