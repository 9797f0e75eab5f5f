/**
 * Loaded into a child before its own code: when the demo that started it is gone, however it went (killed, its
 * terminal closed), the child is told to end. So nothing is left behind.
 */
process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
// The listener alone would keep a child alive that has finished.
process.channel?.unref();
