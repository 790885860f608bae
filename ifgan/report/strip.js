
"use strict";
document.documentElement.classList.add("moving");
for (const strip of document.querySelectorAll(".strip")) {
  const all = strip.querySelector(".every");
  const texts = all.dataset.texts.split("|");
  const sliders = [...strip.querySelectorAll(".one")];
  const first = [all, ...sliders].map(slider => slider.defaultValue);
  const say = slider => {
    const text = texts[slider.value];
    slider.setAttribute("aria-valuetext", text);
    strip.querySelector(`output[for="${slider.id}"]`).value = text;
  };
  const show = slider => {
    const face = slider.closest("li");
    const frames = face.querySelectorAll(".frames img");
    frames.forEach((frame, step) => frame.classList.toggle("shown", step === slider.valueAsNumber));
    const after = face.querySelector(".distance b");
    if (after) after.textContent = frames[slider.value].dataset.distance;
    say(slider);
  };
  for (const slider of sliders) slider.addEventListener("input", () => show(slider));
  all.addEventListener("input", () => {
    for (const slider of sliders) { slider.value = all.value; show(slider); }
    say(all);
  });
  strip.querySelector("button").addEventListener("click", () => {
    [all, ...sliders].forEach((slider, k) => { slider.value = first[k]; });
    sliders.forEach(show);
    say(all);
  });
  [all, ...sliders].forEach((slider, k) => { slider.value = first[k]; });
}
