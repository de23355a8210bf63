// Cards that follow a slider in the browser: where data.rows has the slider's value, the numbers change within a frame, without a
// request to Python; otherwise they fade until Python's answer for that value arrives.
export default function ({ parentElement, data, setStateValue }) {
  const cards = (parentElement.liveCards ??= build(parentElement));
  if (data.rows) cards.rows = data.rows;
  else if (cards.version !== data.version) return setStateValue("has", null); // new cards: request the table again
  cards.update(data);
  const table = data.rows && Object.keys(data.rows).length; // sending an empty table again is cheaper than a message
  if (table && cards.version !== data.version) setStateValue("has", data.version);
  cards.version = data.version;
}

function build(parent) {
  const grid = document.createElement("div");
  grid.className = "cards";
  const status = document.createElement("p");
  status.className = "status";
  status.setAttribute("role", "status");
  parent.append(grid, status);
  const cards = { data: null, value: null, rows: {}, version: null };

  function draw() {
    const { value, row, status: now, known, waiting } = cards.data;
    const exact = cards.rows[String(cards.value)];
    const mine = exact ?? (cards.value === value ? row : null);
    grid.dataset.waiting = !mine;
    grid.dataset.value = mine ? cards.value : "";
    status.textContent = exact ? known : cards.value === value ? now : waiting; // after an error nothing is being computed
    if (!mine) return; // keep the last numbers, faded
    mine.forEach(([text, delta, tone], i) => {
      const card = grid.children[i];
      card.querySelector(".number").textContent = text;
      const small = card.querySelector(".delta");
      small.textContent = delta; // no arrow: that of a smaller size would point against its number
      small.dataset.tone = tone;
    });
  }

  window.addEventListener("labkit:slide", ({ detail }) => {
    if (!cards.data || !grid.isConnected) return;
    if (detail.moved && cards.data.others.includes(detail.name)) {
      // the table is that of the slider's old place
      grid.dataset.waiting = true;
      status.textContent = cards.data.waiting;
    }
    if (detail.name !== cards.data.slider) return;
    cards.value = detail.value;
    draw();
  });
  new ResizeObserver(() => requestAnimationFrame(() => level(grid))).observe(grid); // in the next frame: it changes the height

  cards.update = (data) => {
    const titles = JSON.stringify(data.titles);
    if (data.titles.length && titles !== grid.dataset.titles) { // without results yet, keep the last cards, faded
      grid.dataset.titles = titles;
      grid.replaceChildren(...data.titles.map(card));
      level(grid);
    }
    if (cards.data?.slider !== data.slider || cards.value === null) cards.value = data.value;
    cards.data = data;
    draw();
  };
  return cards;
}

// As many columns as make rows of about the same length: no single card in a row of its own.
function level(grid) {
  const gap = parseFloat(getComputedStyle(grid).columnGap) || 0;
  const least = 8.6 * parseFloat(getComputedStyle(document.documentElement).fontSize);
  const fit = Math.max(1, Math.floor((grid.clientWidth + gap) / (least + gap)));
  const rows = Math.ceil(grid.children.length / fit);
  if (grid.clientWidth && rows) grid.style.gridTemplateColumns = `repeat(${Math.ceil(grid.children.length / rows)}, minmax(0, 1fr))`;
}

function card([key, title, help]) {
  const box = document.createElement("div");
  box.className = "card";
  box.title = help;
  box.dataset.key = key;
  for (const [name, text] of [["title", title], ["number", "–"], ["delta", ""]]) {
    const line = document.createElement("div");
    line.className = name;
    line.textContent = text;
    box.append(line);
  }
  return box;
}
