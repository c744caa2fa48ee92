// Keys, files and the swipe's handle. All that is shown and done is decided by the server.
(() => {
  history.replaceState(null, "", location.pathname); // the token is in a cookie now, and better not on show
  const KEYS = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", " ", "+", "=", "-", "0", ",", ".", "s", "d", "u"];
  const SWIPE_STEP = 5; // per cent
  const swipeTo = (share) => window.trame.state.set("swipe", Math.min(100, Math.max(0, share)));
  const say = (note, bad = false) => window.trame.state.update({ note, note_bad: bad });

  let tabbed = false; // to what has the focus, which space then presses; else it plays
  document.addEventListener("keydown", (event) => {
    if (event.key == "Tab") tabbed = true;
    const own = event.key == " " && tabbed ? "input, select, button" : "input, select"; // have the key themselves
    if (event.target.matches?.(own) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!KEYS.includes(event.key)) return;
    event.preventDefault();
    if (event.target.id == "divider" && event.key.startsWith("Arrow")) {
      swipeTo(window.trame.state.get("swipe") + (/Right|Up/.test(event.key) ? SWIPE_STEP : -SWIPE_STEP));
      return;
    }
    document.activeElement?.blur(); // or space would also press the button used last
    window.trame.trigger("key", [event.key]);
  }, true);
  document.addEventListener("pointerdown", () => { tabbed = false; }, true);
  document.addEventListener("pointerup", (event) => {
    if (event.target.matches?.("input[type=range], input[type=checkbox]")) event.target.blur();
  });

  document.addEventListener("pointerdown", (event) => {
    const divider = event.target.closest?.("#divider");
    if (!divider) return;
    const area = divider.parentElement.getBoundingClientRect();
    const move = ({ clientX }) => swipeTo((100 * (clientX - area.left)) / area.width);
    divider.setPointerCapture(event.pointerId);
    divider.addEventListener("pointermove", move);
    divider.addEventListener("lostpointercapture", () => divider.removeEventListener("pointermove", move), { once: true });
  });

  // By itself, in one message: the views' own handler tells of a wheel's beginning first, and waits for an answer.
  document.addEventListener("wheel", (event) => {
    if (!event.target.closest?.(".view") || event.target.closest(".panel") || !event.deltaY) return;
    event.preventDefault();
    event.stopPropagation();
    window.trame.trigger("wheel", [{ type: "MouseWheel", spinY: event.deltaY, ctrlKey: event.ctrlKey }]);
  }, { capture: true, passive: false });

  // Shares of a picture's width and height, which may have another shape than its view where two pages show it.
  const placeIn = (view, { clientX, clientY }) => {
    const area = view.getBoundingClientRect();
    const { naturalWidth: width, naturalHeight: height } = view.querySelector("img") ?? {};
    const scale = Math.min(area.width / width, area.height / height);
    return [0.5 + (clientX - area.left - area.width / 2) / (scale * width),
      0.5 + (clientY - area.top - area.height / 2) / (scale * height)];
  };

  let pointed = 0;
  document.addEventListener("pointermove", (event) => {
    const now = performance.now();
    const view = event.target.closest?.("#view-result, #view-original");
    if (!view || event.buttons || now - pointed < 80) return;
    pointed = now;
    const place = placeIn(view, event);
    if (place.every((share) => share >= 0 && share <= 1)) window.trame.trigger("point", place);
  });

  // Each page that is looked at has the views drawn for its own size.
  const tellSize = () => {
    const view = document.querySelector("#view-original")?.getBoundingClientRect();
    if (view && !document.hidden) {
      window.trame.trigger("size", [view.width * devicePixelRatio, view.height * devicePixelRatio]);
    }
  };
  window.addEventListener("focus", tellSize);
  document.addEventListener("visibilitychange", tellSize);

  const upload = (file) => {
    if (!file) return;
    const request = new XMLHttpRequest();
    request.open("POST", `upload?name=${encodeURIComponent(file.name)}`);
    request.upload.onprogress = ({ loaded, total }) => say(`Sending ${file.name}: ${Math.round((100 * loaded) / total)} %`);
    request.upload.onload = () => say(`Reading ${file.name}…`);
    request.onload = () => say(request.status == 200 ? "" : request.responseText, request.status != 200);
    request.onerror = () => say(`${file.name} could not be sent`, true);
    request.send(file);
  };
  window.durn = { upload };

  let depth = 0;
  const hover = (change) => {
    depth = Math.max(0, depth + change);
    document.body.classList.toggle("dropping", depth > 0);
  };
  document.addEventListener("dragenter", (event) => { event.preventDefault(); hover(1); });
  document.addEventListener("dragleave", () => hover(-1));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    hover(-depth);
    upload(event.dataTransfer.files[0]);
  });
})();
