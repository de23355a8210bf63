// History: Streamlit adds an entry for every change of the address, also for each of the many that one drag of a slider makes, and
// for what a page writes by itself when it is opened. Here an entry is added for another page and for a choice, i.e. for the first
// change after a click or key; all other changes replace the entry. While a slider moves, the address waits until it rests: browsers
// allow few changes a second.
// Theme: figures are drawn in the theme of the page, so Python is told when it changes, by the system or in the menu.
// Lost drawings: Streamlit drops the last messages of a run when a request to run again comes before they are delivered. A page
// whose end did not arrive is asked for again.
const REST = 250; // ms without a move after which the address is written

export default function ({ parentElement, data, setStateValue }) {
  window.labkitHistory ??= onePerChoice();
  parentElement.stopWatching?.();
  const stopTheme = watchTheme((theme) => setStateValue("theme", theme));
  const stopEnd = watchEnd(data, () => setStateValue("lost", performance.now()));
  parentElement.stopWatching = () => {
    stopTheme();
    stopEnd();
  };
  return parentElement.stopWatching;
}

function onePerChoice() {
  const push = history.pushState.bind(history);
  const replace = history.replaceState.bind(history);
  let chosen = false; // whether something was clicked or typed since the last entry
  let slid = -Infinity; // time of the last move of a slider
  let waiting = null; // address that waits for the slider to rest
  let timer = 0;
  const sliders = new Set(); // names in the address of those that were moved

  const flush = () => {
    clearTimeout(timer);
    if (waiting) replace(...waiting);
    waiting = null;
  };
  const later = (entry) => {
    waiting = entry;
    clearTimeout(timer);
    timer = setTimeout(() => (performance.now() - slid < REST ? later(waiting) : flush()), REST);
  };
  const choose = () => (chosen = true);
  for (const event of ["pointerdown", "keydown"]) window.addEventListener(event, choose, { capture: true });
  window.addEventListener("labkit:slide", ({ detail }) => {
    if (!detail.moved) return;
    slid = performance.now();
    chosen = false;
    sliders.add(detail.name.split("-").at(-1));
  });
  window.addEventListener("pagehide", flush);
  window.addEventListener("popstate", () => { // before Streamlit's own listener reads the address
    clearTimeout(timer);
    waiting = null;
    chosen = false;
  }, { capture: true });

  history.pushState = (state, title, url) => {
    const other = new URL(url, location.href);
    if (other.pathname !== location.pathname) {
      flush();
      chosen = false;
      return push(state, title, url);
    }
    // a busy machine may write where a slider stands when something else is being chosen already
    if (chosen && !changes(other).every((name) => sliders.has(name))) {
      flush();
      chosen = false;
      return push(state, title, url);
    }
    if (performance.now() - slid < REST) return later([state, title, url]);
    clearTimeout(timer);
    waiting = null;
    return replace(state, title, url);
  };
  return true;
}

// Names of the settings that differ between the address of the page and another one.
function changes(other) {
  const [here, there] = [new URL(location.href).searchParams, other.searchParams];
  return [...new Set([...here.keys(), ...there.keys()])].filter((name) => here.get(name) !== there.get(name));
}

function watchTheme(tell) {
  const app = document.querySelector(".stApp");
  const now = () => getComputedStyle(app).colorScheme;
  let known = now();
  const look = () => {
    if (now() === known) return;
    known = now();
    tell(known);
  };
  const watch = new MutationObserver(look);
  watch.observe(app, { attributes: true, attributeFilter: ["class", "style"] });
  return () => watch.disconnect();
}

// Call `ask` when the page rests without the end of the run that drew this; each further time after twice the wait.
function watchEnd({ run, patience }, ask) {
  const app = document.querySelector(".stApp");
  let wait = patience;
  let timer = 0;
  const look = () => {
    const rests = app.dataset.testScriptState === "notRunning" && app.dataset.testConnectionState === "CONNECTED";
    if (rests && !document.querySelector(`.page-end[data-run="${run}"]`)) {
      ask();
      wait *= 2;
    }
    timer = setTimeout(look, wait);
  };
  timer = setTimeout(look, wait);
  return () => clearTimeout(timer);
}
