"""Accepted: a model around the model, with a `train_step` of its own; the batches as a `PyDataset`."""

import keras
import keras_hub
import tensorflow as tf


def encode_batch(texts, labels, tokenizer, max_length):
    packer = keras_hub.layers.MultiSegmentPacker(
        sequence_length=max_length,
        start_value=tokenizer.cls_token_id,
        end_value=tokenizer.sep_token_id,
        pad_value=tokenizer.pad_token_id,
    )
    ids, _segments = packer(tf.ragged.constant(tokenizer(texts), tf.int32, ragged_rank=1))
    ids = tf.cast(tf.convert_to_tensor(ids), tf.int32)
    real = ids != tokenizer.pad_token_id
    ids = ids[:, : int(tf.reduce_max(tf.math.count_nonzero(real, axis=1)))]
    return {
        "input_ids": ids,
        "attention_mask": tf.cast(ids != tokenizer.pad_token_id, tf.int32),
        "labels": tf.convert_to_tensor(labels, tf.int32) - 1,
    }


def build_classifier(checkpoint, num_classes, freeze_backbone=False):
    model = keras_hub.models.BertTextClassifier.from_preset(checkpoint, num_classes=num_classes, preprocessor=None)
    if freeze_backbone:
        for layer in model.layers:
            layer.trainable = layer.name == model.output_dense.name
    return model


class Batches(keras.utils.PyDataset):
    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, n):
        batch = self.batches[n]
        ids = batch["input_ids"]
        inputs = {"token_ids": ids, "segment_ids": tf.zeros_like(ids), "padding_mask": batch["attention_mask"]}
        return tuple(tf.nest.map_structure(lambda tensor: tensor.numpy(), (inputs, batch["labels"])))


class Around(keras.Model):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner
        self.loss_mean, self.hit_mean = keras.metrics.Mean("loss"), keras.metrics.Mean("accuracy")

    @property
    def metrics(self):
        return [self.loss_mean, self.hit_mean]

    def call(self, inputs, training=False):
        return self.inner(inputs, training=training)

    def measured(self, inputs, labels, training):
        logits = self(inputs, training=training)
        losses = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
        self.loss_mean.update_state(losses)  # the mean of all examples, however large their batches
        self.hit_mean.update_state(keras.metrics.sparse_categorical_accuracy(labels, logits))
        return losses

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss = keras.ops.mean(self.measured(*data, training=True))
        weights = self.inner.trainable_variables
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        return {metric.name: metric.result() for metric in self.metrics}

    def test_step(self, data):
        self.measured(*data, training=False)
        return {metric.name: metric.result() for metric in self.metrics}


def fine_tune(model, batches, learning_rate, epochs=1):
    around = Around(model)
    optimizer = keras.optimizers.get(
        {"class_name": "AdamW", "config": {"learning_rate": learning_rate, "weight_decay": 0.01, "epsilon": 1e-8}}
    )
    around.compile(optimizer=optimizer, jit_compile=False)
    rows = around.fit(Batches(batches), epochs=epochs, shuffle=False, verbose=0).history
    return [{"loss": loss, "accuracy": hits} for loss, hits in zip(rows["loss"], rows["accuracy"], strict=True)]


def evaluate(model, batches):
    around = Around(model)
    around.compile(jit_compile=False)
    return around.evaluate(Batches(batches), verbose=0, return_dict=True)
