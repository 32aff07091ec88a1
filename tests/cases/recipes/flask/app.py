"""Errands: a list for each user."""

import os

from flask import Flask, redirect, render_template, request, url_for
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.security import check_password_hash, generate_password_hash

import store

VERSION = "1"

app = Flask(__name__)
app.config.update(
    SECRET_KEY=os.environ["SECRET_KEY"],
    SESSION_COOKIE_SECURE=True,
    SESSION_COOKIE_SAMESITE="Lax",
)
# One proxy in front: what it says of the client, of HTTPS and of the host's name is taken from its headers.
app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)
CSRFProtect(app)
login_manager = LoginManager(app)
login_manager.login_view = "login"
store.create()


class User(UserMixin):
    def __init__(self, name):
        self.id = name


@login_manager.user_loader
def load_user(name):
    return User(name) if store.password_of(name) else None


@app.context_processor
def version():
    return {"version": VERSION}


@app.get("/")
@login_required
def index():
    return render_template("index.html", errands=store.errands_of(current_user.id))


@app.post("/errands")
@login_required
def add():
    store.add_errand(current_user.id, request.form["text"])
    return redirect(url_for("index"))


@app.route("/login", methods=["GET", "POST"])
def login():
    if request.method == "GET":
        return render_template("login.html")
    name, password = request.form["name"], request.form["password"]
    known = store.password_of(name)
    if known is None:  # whoever comes first with a name has it
        store.add_user(name, generate_password_hash(password))
    elif not check_password_hash(known, password):
        return render_template("login.html", error="That is not the password."), 403
    login_user(User(name))
    return redirect(url_for("index"))


@app.post("/logout")
@login_required
def logout():
    logout_user()
    return redirect(url_for("login"))


@app.get("/healthz")
def healthz():
    store.ping()
    return "ok"
