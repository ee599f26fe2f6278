"""`cardea model` against a real home: what is listed, tried, used, added and refused. Needs the weights of CARDEA_MODELS."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from household import BUILD, Household, main, wait_for

MODELS = os.environ.get("CARDEA_MODELS", "")
VISION = os.path.join(BUILD, "src/vision/cardea-vision")


def weights(name):
    return os.path.join(MODELS, "detect", name)


def listed(home):
    return json.loads(home.cardea("model", "list", "--json").stdout)


def test_models(folder):
    home = Household(folder)
    try:
        home.start_vault()
        home.start_hub("--vision-program", VISION)
        home.init()
        wait_for("a model at work", lambda: listed(home)["model"]["state"] == "at work", 90)
        now = listed(home)
        assert now["use"] == "auto" and now["model"]["name"] == "picodet-s-416", now
        assert {m["name"]: m["here"] for m in now["models"]}["yolox-nano"] is True
        assert "* picodet-s-416" in home.cardea("model", "list").stdout

        tried = home.cardea("model", "test", "yolo-fastest-1.1-xl").stdout
        assert "yolo-fastest-1.1-xl works" in tried, tried
        assert listed(home)["model"]["name"] == "picodet-s-416"
        assert "looks from now on" in home.cardea("model", "use", "yolo-fastest-1.1-xl").stdout
        assert listed(home)["model"]["name"] == "yolo-fastest-1.1-xl"

        # One of the owner's, of the right shape and of another.
        added = home.cardea("model", "add", weights("picodet-s-320.onnx"), "--kind", "picodet", "--size", "320x320", "--name",
                            "mine", "--licence", "Apache-2.0", timeout=300)
        assert "mine is added" in added.stdout, added
        assert "looks from now on" in home.cardea("model", "use", "mine").stdout
        with open(os.path.join(folder, "hub/models/mine/manifest.json"), "rb") as f:
            assert f.read(4) == b"CRDS"
        home.cardea("model", "add", weights("yolox_nano.onnx"), "--kind", "picodet", "--size", "416x416", "--name", "odd",
                    timeout=300)
        odd = home.cardea("model", "use", "odd", check=False)
        assert odd.returncode == 1 and "odd was refused, and what was at work stays" in odd.stderr, odd
        assert listed(home)["model"]["name"] == "mine"

        # Its file is changed where it lies: refused by its hash, and the old one stays.
        with open(os.path.join(folder, "hub/models/odd/yolox_nano.onnx"), "r+b") as f:
            f.seek(1000)
            f.write(b"changed")
        changed = home.cardea("model", "use", "odd", check=False)
        assert changed.returncode == 1 and "another SHA-256" in changed.stderr, changed
        assert listed(home)["model"]["name"] == "mine"

        # What is at work stays; what is not goes, with all that was said of it.
        busy = home.cardea("model", "remove", "mine", check=False)
        assert busy.returncode == 1 and "mine is at work" in busy.stderr, busy
        assert "odd was refused" in listed(home)["model"]["message"], listed(home)["model"]
        home.cardea("model", "remove", "odd")
        assert not os.path.exists(os.path.join(folder, "hub/models/odd"))
        assert listed(home)["model"]["message"] == "" and "odd" not in [m["name"] for m in listed(home)["models"]]
        for name in ("odd", "picodet-s-416", "../keys", ".part"):
            assert home.cardea("model", "remove", name, check=False).returncode == 1, name

        # Wrong use, and what has no address.
        assert home.cardea("model", "add", weights("yolox_nano.onnx"), "--kind", "resnet", "--size", "416x416",
                           check=False).returncode == 2
        assert home.cardea("model", "add", weights("yolox_nano.onnx"), "--kind", "yolox", "--size", "417x416",
                           check=False).returncode == 2
        none = home.cardea("model", "get", "picodet-s-416", check=False)
        assert none.returncode == 1 and "no address of its own" in none.stderr, none
        assert "no published model" in home.cardea("model", "get", "resnet", check=False).stderr
    finally:
        home.stop()


if __name__ == "__main__":
    if not os.path.exists(weights("picodet-s-416.onnx")):
        print("1..0 # SKIP no weights: CARDEA_MODELS")
        sys.exit(0)
    main([test_models])
