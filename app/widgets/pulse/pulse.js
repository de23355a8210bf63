// A heartbeat and the bells it rings. The heartbeat is a small fragment, so polling Python for news is cheap. A bell is in the
// fragment that draws the news; it starts the heartbeat while something is computed and reruns its fragment when there is news.
// Python counts how often it drew each bell, so a lost drawing is requested again, and so is a beat without an answer; where the
// heartbeat itself was lost, the bells ring by a timer.
const bells = (window.labkitBells ??= {}); // name -> the drawing on the page: its count, and whether more is to come
const pulse = (window.labkitPulse ??= { last: -Infinity }); // time of the last beat

export default function ({ parentElement, data, setStateValue }) {
  return data.bell ? bell(parentElement, data, setStateValue) : heart(parentElement, data, setStateValue);
}

function bell(place, data, setStateValue) {
  const ring = () => setStateValue("ring", performance.now());
  const clean = replace(place, { "labkit:news": ({ detail }) => detail.includes(data.bell) && ring() });
  bells[data.bell] = { drawn: data.drawn, busy: data.busy };
  const watch = () => {
    if (performance.now() - pulse.last > 2 * data.patience) ring();
    place.timer = setTimeout(watch, data.patience);
  };
  if (data.busy) {
    window.dispatchEvent(new CustomEvent("labkit:busy"));
    place.timer = setTimeout(watch, data.patience);
  }
  return () => {
    if (place.clean !== clean) return; // replaced by a newer drawing
    clean();
    delete bells[data.bell];
  };
}

function heart(place, data, setStateValue) {
  pulse.last = performance.now();
  let beats = data.beat;
  let due = Infinity;
  let asked = false;
  const beat = (wait) => {
    if (performance.now() + wait >= due) return; // an earlier one is due
    due = performance.now() + wait;
    clearTimeout(place.timer);
    place.timer = setTimeout(() => {
      due = Infinity;
      asked = true;
      place.moved = false;
      pulse.last = performance.now();
      setStateValue("beat", ++beats);
      beat(data.patience); // unless an answer comes first, which calls this function again
    }, wait);
  };
  const slid = () => {
    place.moved = true; // check later whether its result has arrived
    beat(data.patience);
  };
  // the answer to a beat says whether there is more to do, so none is sent meanwhile
  const clean = replace(place, { "labkit:busy": () => asked || beat(data.every), "labkit:slide": slid });
  const late = Object.keys(bells).filter((name) => data.news.includes(name) || bells[name].drawn < data.drawn[name]);
  if (late.length) window.dispatchEvent(new CustomEvent("labkit:news", { detail: late }));
  if (late.length || data.busy) beat(data.every);
  // a bell that came together with this answer may know of work that began after it
  else if (place.moved || Object.values(bells).some(({ busy }) => busy)) beat(data.patience);
  return () => place.clean === clean && clean(); // unless replaced by a newer heartbeat
}

// Listen to these events of the window instead of those before.
function replace(place, listeners) {
  place.clean?.();
  for (const [event, act] of Object.entries(listeners)) window.addEventListener(event, act);
  place.clean = () => {
    clearTimeout(place.timer);
    for (const [event, act] of Object.entries(listeners)) window.removeEventListener(event, act);
  };
  return place.clean;
}
