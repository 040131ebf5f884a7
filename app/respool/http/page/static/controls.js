// A live stream by hand: step, release, cut.

import { api, has } from "./api.js";
import { button, h, toast } from "./dom.js";

export function controls(id, { after = () => {} } = {}) {
  const path = `/playbacks/${encodeURIComponent(id)}`;
  const act = (verb, body, label, kind = "small") => has(`/playbacks/{id}/${verb}`, "post") && button(label, async () => {
    try {
      await api(`${path}/${verb}`, { method: "POST", body });
    } catch (error) {
      toast(error.message, true);
    }
    after();
  }, { class: kind });
  return h("span", { class: "controls" },
    act("hold", {}, "Hold now"),
    act("release", { events: 1 }, "Step"),
    act("release", { events: 10 }, "Step 10"),
    act("release", {}, "Release"),
    act("finish", { how: "terminal" }, "Finish"),
    act("finish", { how: "error_event" }, "Error"),
    act("finish", { how: "cut" }, "Cut", "small danger"));
}
