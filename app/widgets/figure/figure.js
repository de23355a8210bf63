// A Plotly figure that is updated in place. st.plotly_chart makes a new plot for every figure, which flickers and takes most of the
// time of a move; here the same plot is updated, and of figures that arrive faster than they are drawn only the last is drawn.
const loading = {}; // one script per page

function plotly(url) {
  if (window.Plotly?.react) return Promise.resolve(window.Plotly);
  return (loading[url] ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      delete loading[url];
      reject(new Error(`cannot load ${url}`));
    };
    document.head.append(script);
  }));
}

export default function ({ parentElement, data }) {
  const figure = (parentElement.liveFigure ??= build(parentElement));
  figure.update(data);
}

function build(parent) {
  const box = document.createElement("div");
  box.className = "live-figure";
  box.setAttribute("role", "img");
  parent.append(box);
  const figure = { next: null, drawing: false, drawn: null };

  figure.update = (data) => {
    box.style.minHeight = `${data.height}px`;
    box.setAttribute("aria-label", data.alt);
    figure.next = data;
    draw();
  };

  async function draw() {
    if (figure.drawing) return;
    figure.drawing = true;
    try {
      const Plotly = await plotly(figure.next.plotly);
      while (figure.next) {
        const { figure: text, value } = figure.next;
        figure.next = null;
        if (text !== figure.drawn) {
          const spec = JSON.parse(text);
          await Plotly.react(box, spec.data, spec.layout, { displayModeBar: false, responsive: true });
          figure.drawn = text;
        }
        box.dataset.value = value;
      }
    } catch (error) {
      box.textContent = `This figure cannot be drawn: ${error.message}; reload the page.`;
    } finally {
      figure.drawing = false;
    }
  }
  return figure;
}
