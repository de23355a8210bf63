// A heartbeat. It stands in a small fragment of its own, so that asking Python for news costs next to nothing; when there are
// some it tells the page's bell, which reruns the fragment that draws them.
export default function ({ parentElement, data, setStateValue }) {
  clearTimeout(parentElement.timer);
  if (data.bell) {
    window.removeEventListener("labkit:news", parentElement.listen);
    parentElement.listen = ({ detail }) => {
      if (detail.name === data.name) setStateValue("ring", performance.now());
    };
    window.addEventListener("labkit:news", parentElement.listen);
    return () => window.removeEventListener("labkit:news", parentElement.listen);
  }
  if (data.news) window.dispatchEvent(new CustomEvent("labkit:news", { detail: { name: data.name } }));
  else if (data.busy) parentElement.timer = setTimeout(() => setStateValue("beat", data.beat + 1), data.every);
  return () => clearTimeout(parentElement.timer);
}
