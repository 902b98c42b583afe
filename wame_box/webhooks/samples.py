"""Receivers to start from, shown on an endpoint's page: they verify the signature with the Standard Webhooks libraries."""

from __future__ import annotations

PYTHON = """\
# pip install standardwebhooks flask
import os

from flask import Flask, request
from standardwebhooks.webhooks import Webhook

app = Flask(__name__)
webhook = Webhook(os.environ["WEBHOOK_SECRET"])  # whsec_…


@app.post("/hook")
def hook():
    event = webhook.verify(request.get_data(), dict(request.headers))
    print(event["id"], event["type"], event["data"])
    return "", 204
"""

NODE = """\
// npm install standardwebhooks express
import express from "express";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.WEBHOOK_SECRET); // whsec_…
const app = express();

app.post("/hook", express.raw({ type: "application/json" }), (request, response) => {
  const event = webhook.verify(request.body, request.headers);
  console.log(event.id, event.type, event.data);
  response.sendStatus(204);
});
app.listen(3000);
"""

SAMPLES = (("Python", PYTHON), ("Node.js", NODE))
