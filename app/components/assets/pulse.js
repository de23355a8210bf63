// A heartbeat and the bells it rings. The heart is a small fragment of its own, so that asking Python for news costs next to
// nothing; a bell stands in the fragment that draws the news, wakes the heart while something is computed, and reruns its fragment
// when there is news.
export default function ({ parentElement, data, setStateValue }) {
  const clean = () => {
    clearTimeout(parentElement.timer);
    window.removeEventListener(parentElement.event, parentElement.listen);
  };
  clean();
  const listen = (event, act) => {
    parentElement.event = event;
    parentElement.listen = act;
    window.addEventListener(event, act);
  };
  const beat = () => {
    clearTimeout(parentElement.timer);
    parentElement.timer = setTimeout(() => setStateValue("beat", data.beat + 1), data.every);
  };
  if (data.bell) {
    listen("labkit:news", ({ detail }) => detail.includes(data.bell) && setStateValue("ring", performance.now()));
    if (data.busy) window.dispatchEvent(new CustomEvent("labkit:busy"));
  } else {
    listen("labkit:busy", beat);
    if (data.news.length) window.dispatchEvent(new CustomEvent("labkit:news", { detail: data.news }));
    if (data.busy) beat();
  }
  return clean;
}
