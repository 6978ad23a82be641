// Keeps a page up to date without reloading it: asks the JSON twin, and only when that changed takes over what is new.

const QUICK = 2000;
const CALM = 15000;
const CALM_AFTER = 30;

export class Live {
  constructor(twin, onData) {
    this.twin = twin;
    this.onData = onData;
    this.tag = "";
    this.same = 0;
    this.failed = false;
  }

  async ask() {
    const answer = await fetch(this.twin, { headers: this.tag ? { "If-None-Match": this.tag } : {}, cache: "no-store" });
    if (answer.status === 304) {
      this.same += 1;
      return;
    }
    if (!answer.ok) throw new Error(`${answer.status}`);
    const first = !this.tag;
    this.tag = answer.headers.get("ETag") || "";
    const data = await answer.json();
    this.same = 0;
    if (!first) await takeOver();
    this.onData(data);
  }

  // A server that takes long to answer is asked less often.
  pause(took) {
    return Math.max(this.same < CALM_AFTER ? QUICK : CALM, 5 * took);
  }

  async run() {
    const status = document.getElementById("live");
    for (;;) {
      const begun = performance.now();
      if (!document.hidden) {
        try {
          await this.ask();
          const text = this.same < CALM_AFTER ? "live" : "up to date";
          if (status.textContent !== text) status.textContent = text;
          status.className = "live on";
        } catch {
          status.textContent = "no connection; trying again";
          status.className = "live off";
        }
      }
      await new Promise((resume) => setTimeout(resume, this.pause(performance.now() - begun)));
    }
  }
}

// Fetch the page again and exchange only the parts that differ; what is open stays open.
async function takeOver() {
  const answer = await fetch(location.href, { cache: "no-store" });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const other = fresh.getElementById(part.id);
    if (!other || part.contains(document.activeElement)) continue;
    for (const open of part.querySelectorAll("details[open]")) other.querySelector(`#${CSS.escape(open.id)}`)?.setAttribute("open", "");
    if (!part.isEqualNode(other)) part.replaceWith(document.importNode(other, true));
  }
  // A picture that had no numbers before is added behind the others.
  for (const figure of fresh.querySelectorAll("[data-chart]")) {
    const known = document.querySelector(`[data-chart="${CSS.escape(figure.dataset.chart)}"]`);
    if (!known) document.querySelector(".charts")?.append(document.importNode(figure.closest("section"), true));
  }
}
