// A slider that reports while it is dragged. The range input counts steps, so every value is one of data.steps exactly. The next
// value is sent when Python has echoed the last (data.value), so a slow page is never interrupted before it has drawn, and the
// newest value always comes last.
const PATIENCE = 2000; // ms after which a lost echo no longer delays the next value

const SKELETON = `
  <div class="live-slider">
    <div class="head"><label></label><span class="hint"></span><output class="value"></output></div>
    <div class="rail"><input type="range" min="0" step="1"><output class="bubble" aria-hidden="true"></output></div>
    <div class="ticks" aria-hidden="true"></div>
  </div>`;

export default function ({ parentElement, data, setStateValue }) {
  const slider = (parentElement.liveSlider ??= build(parentElement));
  slider.setStateValue = setStateValue;
  slider.update(data);
}

function build(parent) {
  const host = document.createElement("div");
  host.innerHTML = SKELETON;
  parent.appendChild(host);
  const root = host.querySelector(".live-slider");
  const part = (selector) => root.querySelector(selector);
  const input = part("input");
  const slider = { data: null, wanted: null, sent: null, echo: null, held: false, frame: 0 };

  const text = (value) => value.toFixed(slider.data.digits) + (slider.data.unit ? ` ${slider.data.unit}` : "");

  function paint(moved = false) {
    const { steps } = slider.data;
    const value = steps[Number(input.value)];
    root.style.setProperty("--share", steps.length > 1 ? Number(input.value) / (steps.length - 1) : 0);
    part(".value").textContent = part(".bubble").textContent = text(value);
    input.setAttribute("aria-valuetext", text(value));
    root.dataset.value = value;
    window.dispatchEvent(new CustomEvent("labkit:slide", { detail: { name: slider.data.name, value, moved } }));
    return value;
  }

  function send() {
    if (slider.echo !== null || slider.wanted === slider.sent) return;
    slider.sent = slider.wanted;
    slider.echo = setTimeout(() => {
      slider.echo = null;
      send();
    }, PATIENCE);
    slider.setStateValue("value", [slider.sent, slider.data.round]);
  }

  input.addEventListener("input", () => {
    slider.wanted = paint(true);
    cancelAnimationFrame(slider.frame); // at most one message per frame
    slider.frame = requestAnimationFrame(send);
  });
  const hold = (held) => () => {
    slider.held = held;
    root.dataset.held = held;
  };
  input.addEventListener("pointerdown", hold(true));
  for (const name of ["pointerup", "pointercancel", "blur"]) input.addEventListener(name, hold(false));

  slider.update = (data) => {
    const changed = JSON.stringify(data.steps) !== JSON.stringify(slider.data?.steps);
    const reset = slider.data !== null && data.round !== slider.data.round; // Python has set it, and awaits no older value
    slider.data = data;
    const id = `live-slider-${data.name}`;
    part("label").textContent = data.label;
    part("label").htmlFor = input.id = id;
    part(".hint").textContent = part(".hint").title = data.help;
    input.setAttribute("aria-description", data.help);
    input.disabled = data.disabled;
    root.dataset.disabled = data.disabled;
    if (changed) {
      input.max = data.steps.length - 1;
      part(".ticks").replaceChildren(...data.ticks.map(tick));
      slider.wanted = slider.sent = null;
    }
    if (reset) {
      clearTimeout(slider.echo);
      slider.echo = slider.wanted = slider.sent = null;
    }
    if (slider.echo !== null && data.value === slider.sent) {
      clearTimeout(slider.echo);
      slider.echo = null;
      if (slider.wanted !== slider.sent) requestAnimationFrame(send);
    }
    const idle = slider.echo === null && (slider.wanted === null || slider.wanted === slider.sent);
    if (changed || reset || (idle && !slider.held)) adopt(data.value);
  };

  function adopt(value) {
    const nearest = slider.data.steps.reduce((best, step, i, all) => (Math.abs(step - value) < Math.abs(all[best] - value) ? i : best), 0);
    input.value = nearest;
    slider.wanted = slider.sent = paint();
  }

  function tick(value) {
    const place = slider.data.steps.indexOf(value) / Math.max(1, slider.data.steps.length - 1);
    const mark = document.createElement("span");
    mark.style.left = `${100 * place}%`;
    mark.textContent = value.toFixed(slider.data.digits);
    return mark;
  }

  return slider;
}
