// The virtual phone's scanner: reads a QR code from the box's own picture, an image or the camera, and posts its text.
(() => {
  "use strict";
  const form = document.querySelector("[data-scan]");
  if (!form) return;
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const video = form.querySelector("[data-scan-video]");
  const start = form.querySelector("[data-scan-camera-start]");
  let camera = null;

  function read(picture, width, height) {
    const scale = Math.min(1, 1200 / Math.max(width, height));
    canvas.width = Math.max(1, Math.round(width * scale));
    canvas.height = Math.max(1, Math.round(height * scale));
    pen.fillStyle = "#fff"; // a transparent picture would read as black on black
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const pixels = pen.getImageData(0, 0, canvas.width, canvas.height);
    return window.jsQR(pixels.data, canvas.width, canvas.height)?.data || "";
  }

  function submit(text) {
    stop();
    form.elements.qr.value = text;
    form.requestSubmit();
  }

  async function scan(blob) {
    let text = "";
    try {
      const bitmap = await createImageBitmap(blob);
      text = read(bitmap, bitmap.width, bitmap.height);
    } catch {
      text = "";
    }
    if (text) submit(text);
    else window.box.toast(form.dataset.scanNone, "bad");
  }

  async function scanShown(button) {
    button.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(button.dataset.qrSrc, { cache: "no-store", credentials: "same-origin" });
      if (!answer.ok) throw new Error(String(answer.status));
      await scan(await answer.blob());
    } catch {
      window.box.toast(form.dataset.scanNone, "bad");
    } finally {
      button.removeAttribute("aria-busy");
    }
  }

  function stop() {
    camera?.getTracks().forEach((track) => track.stop());
    camera = null;
    video.hidden = true;
  }

  function look() {
    if (!camera) return;
    const text = video.videoWidth ? read(video, video.videoWidth, video.videoHeight) : "";
    if (text) submit(text);
    else setTimeout(look, 200);
  }

  async function openCamera() {
    try {
      camera = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch {
      window.box.toast(form.dataset.scanCamera, "bad");
      return;
    }
    video.srcObject = camera;
    video.hidden = false;
    await video.play();
    look();
  }

  start.hidden = !navigator.mediaDevices?.getUserMedia;
  start.addEventListener("click", openCamera);
  addEventListener("pagehide", stop);
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-qr-src]");
    if (button) scanShown(button);
  });
  form.querySelector("[data-scan-file]").addEventListener("change", (event) => {
    if (event.target.files.length) scan(event.target.files[0]);
    event.target.value = "";
  });
  form.querySelector("[data-scan-file]").parentElement.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") event.currentTarget.querySelector("input").click();
  });
  document.addEventListener("paste", (event) => {
    const file = [...event.clipboardData.files].find((one) => one.type.startsWith("image/"));
    if (file) scan(file);
  });
})();
