// A heartbeat and the bells it rings. The heart is a small fragment of its own, so that asking Python for news costs next to
// nothing; a bell stands in the fragment that draws the news, wakes the heart while something is computed, and reruns its fragment
// when there is news. Python counts how often it drew each bell: what was lost on the way here is asked for again, and so is a beat
// that nothing came back from; where the heart itself was lost, the bells ring by the clock.
const bells = (window.labkitBells ??= {}); // name -> count of the drawing that stands on the page
const pulse = (window.labkitPulse ??= { last: -Infinity }); // when the heart was last seen at work

export default function ({ parentElement, data, setStateValue }) {
  return data.bell ? bell(parentElement, data, setStateValue) : heart(parentElement, data, setStateValue);
}

function bell(place, data, setStateValue) {
  const ring = () => setStateValue("ring", performance.now());
  const clean = replace(place, { "labkit:news": ({ detail }) => detail.includes(data.bell) && ring() });
  bells[data.bell] = data.drawn;
  const watch = () => {
    if (performance.now() - pulse.last > 2 * data.patience) ring();
    place.timer = setTimeout(watch, data.patience);
  };
  if (data.busy) {
    window.dispatchEvent(new CustomEvent("labkit:busy"));
    place.timer = setTimeout(watch, data.patience);
  }
  return () => {
    clean();
    if (bells[data.bell] === data.drawn) delete bells[data.bell];
  };
}

function heart(place, data, setStateValue) {
  pulse.last = performance.now();
  let beats = data.beat;
  let due = Infinity;
  const beat = (wait) => {
    if (performance.now() + wait >= due) return; // an earlier one is on its way
    due = performance.now() + wait;
    clearTimeout(place.timer);
    place.timer = setTimeout(() => {
      due = Infinity;
      place.moved = false;
      pulse.last = performance.now();
      setStateValue("beat", ++beats);
      beat(data.patience); // unless an answer comes first, which starts this function anew
    }, wait);
  };
  const slid = () => {
    place.moved = true; // somebody is to look, some time, whether what follows from it came
    beat(data.patience);
  };
  const clean = replace(place, { "labkit:busy": () => beat(data.every), "labkit:slide": slid });
  const late = Object.keys(bells).filter((name) => data.news.includes(name) || bells[name] < data.drawn[name]);
  if (late.length) window.dispatchEvent(new CustomEvent("labkit:news", { detail: late }));
  if (late.length || data.busy) beat(data.every);
  else if (place.moved) beat(data.patience);
  return clean;
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
